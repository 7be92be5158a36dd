#ifndef HPCC_AGENT_LAUNCHER_H_
#define HPCC_AGENT_LAUNCHER_H_

// Starts commands for the agent. A process with threads can't safely do more in a child than exec;
// setting up a sandboxed command is much more than that. So the agent forks a launcher before it
// has any thread, and the launcher forks a supervisor for each exec, into a pid and a mount
// namespace of its own. A supervisor makes its command's world ready and then waits for the plan:
// both can be done before there is an exec.

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/exec_plan.h"
#include "agent/system_call_filter.h"
#include "base/posix_descriptor.h"
#include "sandbox/image_layout.h"

namespace hpcc {

// How supervisors build a command's world.
struct SupervisorSettings {
  std::string image_root;   // where the image's parts lie under their paths
  std::string mount_point;  // an empty directory
  ImageLayout image;
  SystemCallFilter filter;
  // Open on the directory of the cgroup in which each exec gets its own; -1: none.
  int command_group = -1;
  uint64_t command_group_bytes = 0;  // the most that one exec's may have
};

// What the agent has of a command, from before it has a plan until it has ended.
struct LaunchedExec {
  Descriptor standard_output;  // both: reading never waits
  Descriptor standard_error;
  Descriptor control;  // takes a plan; an ExecReport comes from it; closing it ends the command
};

// Thread-safe.
class Launcher {
 public:
  // Called by a process that has no threads yet.
  static absl::StatusOr<Launcher> Start(const SupervisorSettings& settings);

  // Has a world made ready around `stage`, a root file system nobody has attached, and doesn't wait
  // for it. All the command's processes are gone when the report has come.
  absl::StatusOr<LaunchedExec> Launch(const ExecOwner& owner, int stage) const;

  pid_t process() const { return process_; }

 private:
  Descriptor socket_;
  pid_t process_ = -1;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_LAUNCHER_H_
