#ifndef HPCC_CLI_COMMAND_LINE_H_
#define HPCC_CLI_COMMAND_LINE_H_

// What `hpcc` was asked for. Three forms reach the compiler wrapper and pay for nothing else:
//
//   hpcc wrap <compiler> args…
//   hpcc <compiler> args…          the first word is neither a subcommand nor an option
//   <compiler> args…               this program under another name, by a symlink
//
// Everything else is a subcommand (cli/command.h).

#include <string_view>

namespace hpcc {

enum class CommandForm { kMasquerade, kLauncher, kSubcommand };

// Whether `program` (argv[0]) is a name of hpcc itself: "hpcc", alone or followed by anything but a
// letter, as in "hpcc-0.1".
bool IsOwnName(std::string_view program);

// `first_word` is "" when there is none. "wrap" is the launcher.
CommandForm FormOf(std::string_view program, std::string_view first_word);

// The whole program: the value is its exit status.
int RunCommandLine(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_CLI_COMMAND_LINE_H_
