#ifndef HPCC_AGENT_EXEC_SUPERVISOR_H_
#define HPCC_AGENT_EXEC_SUPERVISOR_H_

// The first process of a command's pid namespace: builds its world, starts it without a privilege,
// reaps what it leaves behind, watches what it uses, and ends all of it at a limit, when told to,
// and when the command itself has ended.

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "agent/command_group.h"
#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/launcher.h"
#include "base/posix_descriptor.h"

namespace hpcc {

class ExecSupervisor {
 public:
  ExecSupervisor(const SupervisorSettings& settings, Descriptor stage, Descriptor standard_output,
                 Descriptor standard_error, Descriptor control);

  // Reads a plan from `control`, and writes a report to it when all is over.
  void Run();

 private:
  enum class Look : uint8_t { kGoOn, kEnd };

  bool ReceivePlan();
  FailedStep MakeGroup();
  FailedStep StartCommand();
  [[noreturn]] void BecomeCommand(int failure_pipe);
  void WatchCommand();
  Look LookAround();
  Look Exceeded(int limit);
  void Reap();
  void EndEverything();
  void Report();

  const SupervisorSettings& settings_;
  Descriptor stage_;
  Descriptor standard_output_;
  Descriptor standard_error_;
  Descriptor control_;

  ExecPlan plan_;
  CommandGroup group_;
  ExecReport report_;
  pid_t command_ = -1;
  bool ended_ = false;
  std::chrono::steady_clock::time_point start_;
  uint64_t looks_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_SUPERVISOR_H_
