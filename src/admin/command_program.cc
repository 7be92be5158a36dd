#include "admin/command_program.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"

namespace hpcc {

namespace {

const Command* Find(const CommandProgram& program, std::string_view word) {
  for (const Command* command : program.commands) {
    if (command->name == word || command->name == StrCat(program.name, " ", word)) return command;
  }
  return nullptr;
}

int Run(const CommandProgram& program, const CommandContext& context,
        const std::vector<std::string>& words) {
  const std::string_view first = words.empty() ? "" : std::string_view(words.front());
  if (first == "--help" || first == "-h") {
    context.console.Out(program.help);
    return kExitOk;
  }
  if (first == "--version") {
    context.console.Out(StrCat("hpcc-", program.name, " ", HPCC_VERSION, "\n"));
    return kExitOk;
  }
  if (const Command* command = Find(program, first)) {
    return RunCommand(*command, context, {words.begin() + 1, words.end()});
  }
  if (!words.empty()) {
    context.console.Err(StrCat("hpcc ", program.name, ": there is no ", first, "\n"));
  }
  context.console.Err(program.help);
  return kExitUsage;
}

}  // namespace

int RunCommandProgram(const CommandProgram& program, int argc, char** argv) {
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  ProcessConsole console(environment);
  const Config no_config;
  const CommandContext context{fs,
                               Clock::Real(),
                               environment,
                               no_config,
                               fs.RealPath(".").value_or("/"),
                               fs.RealPath("/proc/self/exe").value_or(""),
                               console};
  const int exit_code = Run(program, context, {argv + std::min(argc, 1), argv + argc});
  if (console.Finish()) return exit_code;
  console.Err(StrCat("hpcc ", program.name, ": the output could not be written\n"));
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
