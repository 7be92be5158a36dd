#ifndef HPCC_CLI_COMMAND_H_
#define HPCC_CLI_COMMAND_H_

// A subcommand: what it is called, how it is described, and the function that does it. One file
// each; the table in commands.cc is where a new one is added.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "cli/console.h"
#include "cli/options.h"
#include "config/config.h"

namespace hpcc {

// Exit statuses, as the man page lists them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // a wrong command line or a malformed configuration

struct CommandContext {
  FileSystem& fs;
  Clock& clock;
  const Environment& environment;
  const Config& config;
  std::string cwd;      // absolute
  std::string program;  // this executable, absolute, symlinks resolved; "" when unknown
  Console& console;
};

struct Command {
  std::string_view name;
  std::string_view operands;     // "<file>"; "" when there are none
  std::string_view summary;      // one line, for `hpcc help`
  std::string_view description;  // a paragraph or two, for `hpcc <name> --help`
  std::span<const OptionSpec> options;
  size_t min_operands = 0;
  size_t max_operands = 0;
  // Completion must work in a shell's start-up file whatever state the configuration is in.
  bool needs_config = true;
  // The value is the exit status.
  int (*run)(const CommandContext& context, const ParsedOptions& options);
  // A program beside this one that takes all words after the name, as git has it; "" for commands
  // that `run` does. What needs libraries or memory the wrapper has no business with is one.
  std::string_view program = "";
  // What that program calls the command, put before all words; "": it is all the program does.
  std::string_view program_word = "";
};

// In the order of `hpcc help`.
std::span<const Command* const> AllCommands();

// Nullptr when there is none of that name.
const Command* FindCommand(std::string_view name);

// What --help prints.
std::string CommandHelp(const Command& command);
std::string OverviewHelp();
// Of "hpcc wrap" and the other ways to put hpcc in front of a compiler, which are no commands.
std::string WrapHelp();

// Parses the words after the command's name and runs it.
int RunCommand(const Command& command, const CommandContext& context,
               const std::vector<std::string>& words);

// Becomes the command's program. Returns only when that failed; the value is the exit status.
int HandOver(const Command& command, const CommandContext& context,
             const std::vector<std::string>& words);

// Prints "hpcc <command>: <message>" to the console's Err; the value is `exit_code`.
int Complain(const CommandContext& context, const Command& command, std::string_view message,
             int exit_code = kExitFailed);

extern const Command kStartCommand;
extern const Command kStopCommand;
extern const Command kStatsCommand;
extern const Command kCacheCommand;
extern const Command kCleanCommand;
extern const Command kInspectCommand;
extern const Command kExplainCommand;
extern const Command kConfigCommand;
extern const Command kDoctorCommand;
extern const Command kAuthCommand;
extern const Command kSchedulerCommand;
extern const Command kWorkerCommand;
extern const Command kAuditCommand;
extern const Command kImageCommand;
extern const Command kSandboxCommand;
extern const Command kExecCommand;
extern const Command kClusterCommand;
extern const Command kVersionCommand;
extern const Command kCompletionCommand;
extern const Command kHelpCommand;

}  // namespace hpcc

#endif  // HPCC_CLI_COMMAND_H_
