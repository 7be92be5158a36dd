#ifndef HPCC_CLI_SUBCOMMAND_H_
#define HPCC_CLI_SUBCOMMAND_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace hpcc {

// Only compares strings: it stands on the wrapper's path.
bool IsSubcommand(std::string_view word);

// Finds and runs the command named by the first of `words`, with the machine's file system, clock
// and environment. Loads the configuration before anything else, so that every command stops at a
// malformed one. The value is the exit status.
int RunSubcommand(const std::vector<std::string>& words);

}  // namespace hpcc

#endif  // HPCC_CLI_SUBCOMMAND_H_
