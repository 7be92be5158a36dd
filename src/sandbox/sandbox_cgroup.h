#ifndef HPCC_SANDBOX_SANDBOX_CGROUP_H_
#define HPCC_SANDBOX_SANDBOX_CGROUP_H_

// Limits on a sandbox as a whole, where this process may make cgroups: a second line behind the
// agent's own watch over each exec. Version 1 hierarchies and version 2, whatever is mounted below
// /sys/fs/cgroup. A sandbox without any still works.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hpcc {

struct CgroupLimits {
  uint64_t memory_bytes = 0;
  uint64_t tasks = 0;
  uint32_t cpus = 0;
};

class SandboxCgroup {
 public:
  // Makes what it can for `process`, which has no children yet. `id` becomes part of a directory's
  // name. Never null; controllers() says what came of it. Empty groups that a killed worker left
  // beside it are removed.
  static std::unique_ptr<SandboxCgroup> Make(const std::string& id, const CgroupLimits& limits,
                                             pid_t process);
  // Removes them; their processes are gone.
  ~SandboxCgroup();

  // "memory", "pids", "cpu": those that hold.
  const std::vector<std::string>& controllers() const { return controllers_; }

 private:
  SandboxCgroup() = default;

  std::vector<std::string> controllers_;
  std::vector<std::string> directories_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_SANDBOX_CGROUP_H_
