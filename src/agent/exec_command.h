#ifndef HPCC_AGENT_EXEC_COMMAND_H_
#define HPCC_AGENT_EXEC_COMMAND_H_

// The process that becomes a command. It is started before there is an exec, so that what costs
// most of a start is done by then: it waits for a plan, gives up what it still can do, and is the
// program.

#include <string>
#include <utility>

#include "agent/command_group.h"
#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/launcher.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// What such a process is given. All outlives it.
struct CommandStart {
  const SupervisorSettings& settings;
  const ExecOwner& owner;
  const CommandGroup& group;  // which it is in, where there is one
  const Descriptor& standard_output;
  const Descriptor& standard_error;
  const Descriptor& plan;      // a socket
  const Descriptor& progress;  // a pipe, for a ProgressReader
};

// For a new process in a world that was entered, with every capability over it and nothing open but
// what closes itself. Ends in the program, or with a word about why not.
[[noreturn]] void BecomeCommand(const CommandStart& start);

// How far such a process got that has ended.
struct CommandProgress {
  bool has_plan = false;
  FailedStep failed;  // none of a program that ran
};

// The other end of its pipe.
class ProgressReader {
 public:
  ProgressReader() = default;
  explicit ProgressReader(Descriptor pipe) : pipe_(std::move(pipe)) {}

  // Once the process has ended. Says the same again when it is asked again.
  CommandProgress Read();

 private:
  Descriptor pipe_;  // reading never waits
  std::string bytes_;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_COMMAND_H_
