#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/command.h"

namespace hpcc {

namespace {

constexpr std::array<const Command*, 20> kCommands = {
    &kStartCommand,     &kStopCommand,    &kStatsCommand,   &kExplainCommand,    &kInspectCommand,
    &kCleanCommand,     &kCacheCommand,   &kConfigCommand,  &kDoctorCommand,     &kAuthCommand,
    &kSchedulerCommand, &kWorkerCommand,  &kAuditCommand,   &kSandboxCommand,    &kExecCommand,
    &kImageCommand,     &kClusterCommand, &kVersionCommand, &kCompletionCommand, &kHelpCommand};

std::string Padded(std::string_view text, size_t width) {
  std::string padded(text);
  padded.append(std::max(width, text.size() + 2) - text.size(), ' ');
  return padded;
}

}  // namespace

std::span<const Command* const> AllCommands() {
  return kCommands;
}

const Command* FindCommand(std::string_view name) {
  for (const Command* command : kCommands) {
    if (command->name == name) return command;
  }
  return nullptr;
}

std::string OverviewHelp() {
  std::string text =
      "hpcc, a compiler cache for C and C++\n"
      "\n"
      "Usage: hpcc wrap <compiler> [arguments...]   compile through the cache\n"
      "       hpcc <compiler> [arguments...]        the same, as launchers are called\n"
      "       hpcc <command> [options]\n"
      "\n"
      "Commands:\n";
  for (const Command* command : kCommands) {
    StrAppend(&text, "  ", Padded(command->name, 12), command->summary, "\n");
  }
  StrAppend(&text,
            "\n"
            "'hpcc help <command>' tells more of one. The manual is hpcc(1).\n");
  return text;
}

std::string WrapHelp() {
  return "Usage: hpcc wrap <compiler> [arguments...]\n"
         "       hpcc <compiler> [arguments...]\n"
         "       <compiler> [arguments...]     by a symbolic link of that name to hpcc\n"
         "\n"
         "Runs the compiler, or answers from the cache what it would have done: outputs,\n"
         "diagnostics and exit status are the compiler's. The second form is how launchers are\n"
         "called, such as CMake's CMAKE_C_COMPILER_LAUNCHER; 'hpcc wrap' also takes a compiler "
         "that\n"
         "has the name of a command. A link finds the real compiler further down PATH.\n";
}

}  // namespace hpcc
