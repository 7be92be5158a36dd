#ifndef HPCC_SANDBOX_JAILER_COMMAND_H_
#define HPCC_SANDBOX_JAILER_COMMAND_H_

// How Firecracker's jailer is run (Firecracker's docs/jailer.md): its command line, and which
// versions of the two programs are good enough. Pure, but for ProgramVersion and JailerCgroups().

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

// Where, and under what, every jail of a worker is.
struct JailerSettings {
  std::string jailer;       // the program's path
  std::string firecracker;  // the program's path; its file name holds "firecracker"
  std::string base;         // directory of all jails; absolute
  // Version of the cgroup hierarchy with the controllers memory, pids and cpu: 1 or 2. 0: there is
  // none, and a VM is limited by its size only.
  int cgroups = 0;
};

// Sizes of one jailed VMM.
struct JailLimits {
  uint32_t cpus = 1;
  uint64_t memory_bytes = 0;  // the guest's
};

// A VMM's own memory beside its guest's, and its threads beside the guest's processors.
inline constexpr uint64_t kVmmMemoryBytes = uint64_t{128} << 20;
inline constexpr uint32_t kVmmThreads = 16;
inline constexpr std::string_view kJailParentCgroup = "hpcc-firecracker";

// Files of a jail, as the VMM names them without the slash in front.
inline constexpr std::string_view kJailApiSocket = "api.sock";
inline constexpr std::string_view kJailVsock = "v.sock";

// What `cgroups` should be on a machine with these mounts (/proc/self/mounts), and with these
// controllers in the second hierarchy (cgroup.controllers): 2 where that has all three, else 1.
int JailerCgroups(std::string_view mounts, std::string_view controllers);
int JailerCgroups();  // on this machine

// InvalidArgument: a path that isn't absolute, or a program's name the jailer refuses.
absl::Status CheckJailerSettings(const JailerSettings& settings);

// Letters, digits and hyphens, 1 to 64 of them.
bool IsJailId(std::string_view id);

// The jailer's arguments, its path first. `user` is also the group. Everything after "--" is
// Firecracker's.
std::vector<std::string> JailerArguments(const JailerSettings& settings, const std::string& id,
                                         uint32_t user, const JailLimits& limits);

struct FirecrackerVersion {
  uint32_t major = 0;
  uint32_t minor = 0;
  uint32_t patch = 0;
  bool release = true;  // false: a development version that comes before it

  std::string ToString() const;
  friend auto operator<=>(const FirecrackerVersion&, const FirecrackerVersion&) = default;
};

// Before it, a restored snapshot's vsock couldn't be reached (Firecracker's pull request 5958).
inline constexpr FirecrackerVersion kLeastFirecracker{1, 16, 1};

// "1.16.1", "v1.17.0-dev". InvalidArgument: anything else.
absl::StatusOr<FirecrackerVersion> ParseFirecrackerVersion(std::string_view text);

// The first line of what `<program> --version` prints: "Firecracker v1.16.1", "Jailer v1.16.1".
// `name` is its first word. InvalidArgument: anything else.
absl::StatusOr<FirecrackerVersion> ParseVersionLine(std::string_view output, std::string_view name);

// Runs `<program> --version`, for some seconds at most.
absl::StatusOr<FirecrackerVersion> ProgramVersion(const std::string& program,
                                                  std::string_view name);

// FailedPrecondition: older than kLeastFirecracker, or not of one version.
absl::Status CheckVersions(const FirecrackerVersion& firecracker, const FirecrackerVersion& jailer);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_JAILER_COMMAND_H_
