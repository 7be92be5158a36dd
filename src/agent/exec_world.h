#ifndef HPCC_AGENT_EXEC_WORLD_H_
#define HPCC_AGENT_EXEC_WORLD_H_

// Where a command finds itself: its stage as the root directory, the image's parts in it, /dev with
// the five devices that hold nothing, and /proc of its own pid namespace. Read-only but for the
// stage's writable directories.

#include <string>
#include <vector>

#include "agent/launcher.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// What could not be done, and errno of it. An empty step: all is well.
struct FailedStep {
  std::string step;
  int error = 0;

  bool failed() const { return !step.empty(); }
};

// For a process that is the first of a new pid namespace and alone in a new mount namespace, with
// every capability over it. Its root directory is the command's afterwards, and the mount that it
// lies on can still be written to.
FailedStep EnterExecWorld(const SupervisorSettings& settings, const Descriptor& stage);

// Makes a world that was entered read-only but for directories of its stage, which are there now.
FailedStep CloseExecWorld(const std::vector<std::string>& writable);

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_WORLD_H_
