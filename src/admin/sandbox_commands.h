#ifndef HPCC_ADMIN_SANDBOX_COMMANDS_H_
#define HPCC_ADMIN_SANDBOX_COMMANDS_H_

// The commands of hpcc-sandbox, which `hpcc sandbox` and `hpcc exec` hand over to.

#include "cli/command.h"

namespace hpcc {

extern const Command kSandboxListCommand;
extern const Command kSandboxExecCommand;

// The whole program: the value is its exit status.
int RunSandbox(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_ADMIN_SANDBOX_COMMANDS_H_
