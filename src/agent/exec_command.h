#ifndef HPCC_AGENT_EXEC_COMMAND_H_
#define HPCC_AGENT_EXEC_COMMAND_H_

// The process that becomes a command. It is started before there is an exec, so that what costs
// most of a start is done by then: it gives up all it can do, waits for a plan, and is the program.

#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/launcher.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// What such a process is given. All outlives it.
struct CommandStart {
  const SupervisorSettings& settings;
  const ExecOwner& owner;
  const Descriptor& standard_output;
  const Descriptor& standard_error;
  const Descriptor& plan;     // a socket
  const Descriptor& failure;  // a pipe, for ReadFailure
};

// For a new process in a world that was entered, with every capability over it and nothing open but
// what closes itself. Ends in the program, or with a word about why not.
[[noreturn]] void BecomeCommand(const CommandStart& start);

// That word, once the process has ended: none of a program that ran. `pipe` is its other end, and
// reading it never waits.
FailedStep ReadFailure(const Descriptor& pipe);

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_COMMAND_H_
