#ifndef HPCC_ADMIN_COMMAND_PROGRAM_H_
#define HPCC_ADMIN_COMMAND_PROGRAM_H_

// A program that `hpcc <name>` hands over to and that has commands of its own, each with its own
// options: `hpcc audit query`, `hpcc image pull`.

#include <span>
#include <string_view>

#include "cli/command.h"

namespace hpcc {

struct CommandProgram {
  std::string_view name;  // "audit": the program is hpcc-audit
  std::string_view help;
  // Each is asked for by the last word of its name: "audit query" by "query".
  std::span<const Command* const> commands;
};

// Runs the command that the words name, without a configuration of hpcc's. The value is the exit
// status.
int RunCommandProgram(const CommandProgram& program, int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_ADMIN_COMMAND_PROGRAM_H_
