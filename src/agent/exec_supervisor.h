#ifndef HPCC_AGENT_EXEC_SUPERVISOR_H_
#define HPCC_AGENT_EXEC_SUPERVISOR_H_

// The first process of a command's pid namespace: makes its world ready and has a process wait in
// it, and when that has become the command, reaps what it leaves behind, watches what it uses, and
// ends all of it at a limit, when told to, and when the command itself has ended.

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "agent/command_group.h"
#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/launcher.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// What comes from the agent: the root of the world, and the other ends of what it has itself.
struct SupervisorEnds {
  Descriptor stage;
  Descriptor standard_output;
  Descriptor standard_error;
  Descriptor control;
};

class ExecSupervisor {
 public:
  ExecSupervisor(const SupervisorSettings& settings, const ExecOwner& owner, SupervisorEnds ends);

  // Reads a plan from `control`, and writes a report to it when all is over. Or ends when there is
  // no plan to come.
  void Run();

 private:
  enum class Look : uint8_t { kGoOn, kEnd };

  FailedStep MakeReady();
  FailedStep StartProcess();
  FailedStep AwaitPlan();
  FailedStep LimitGroup();
  void WatchCommand();
  Look LookAround();
  Look Exceeded(int limit);
  void Reap();
  void EndEverything();
  void Report();

  const SupervisorSettings& settings_;
  const ExecOwner owner_;
  SupervisorEnds ends_;
  Descriptor process_;  // a pidfd of the process that becomes the command
  Descriptor plan_to_;  // a socket to it
  Descriptor failure_;  // a pipe from it

  bool has_plan_ = false;
  ExecPlan plan_;
  CommandGroup group_;
  ExecReport report_;
  pid_t command_ = -1;
  bool ended_ = false;  // the command
  std::chrono::steady_clock::time_point start_;
  uint64_t looks_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_SUPERVISOR_H_
