#ifndef HPCC_SANDBOX_JAILER_CLEANUP_H_
#define HPCC_SANDBOX_JAILER_CLEANUP_H_

// What is left of a jail outside its directory, and how it goes away: processes, mounts, cgroups.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace hpcc {

// The mount points at or below `directory`, the last mounted first. `mountinfo` is what
// proc_pid_mountinfo(5) describes.
std::vector<std::string> MountPointsBelow(std::string_view mountinfo, std::string_view directory);

// Undoes every mount at or below `directory`. An error: something is still mounted there.
absl::Status UnmountBelow(const std::string& directory);

// The real user id of a process; nothing when there is no such process.
std::optional<uint32_t> UserOfProcess(pid_t process);

// Processes whose root directory is `root`, as far as this process may know.
std::vector<pid_t> ProcessesRootedAt(int root);

// Kills the process if it is `user`'s, and waits for its end for a few seconds at most.
// DeadlineExceeded: it doesn't end.
absl::Status KillProcessOf(pid_t process, uint32_t user);

// The cgroups the jailer made for the jail `id`, in whatever hierarchy. They are empty by now.
void RemoveJailCgroups(std::string_view id);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_JAILER_CLEANUP_H_
