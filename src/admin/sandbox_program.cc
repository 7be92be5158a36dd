#include <algorithm>
#include <string_view>
#include <vector>

#include "admin/sandbox_commands.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kHelp =
    "Usage: hpcc sandbox list [options]                    the sandboxes of a worker\n"
    "       hpcc exec [options] SANDBOX -- PROGRAM [ARG]   run a command in one\n"
    "\n"
    "'hpcc sandbox list --help' tells the options. The manual is hpcc-sandbox(1).\n";

const Command* Find(std::string_view word) {
  if (word == "list") return &kSandboxListCommand;
  return word == "exec" ? &kSandboxExecCommand : nullptr;
}

int Run(const CommandContext& context, const std::vector<std::string>& words) {
  const std::string_view first = words.empty() ? "" : std::string_view(words.front());
  if (first == "--help" || first == "-h") {
    context.console.Out(kHelp);
    return kExitOk;
  }
  if (first == "--version") {
    context.console.Out(StrCat("hpcc-sandbox ", HPCC_VERSION, "\n"));
    return kExitOk;
  }
  const Command* command = Find(first);
  if (command == nullptr) {
    context.console.Err(words.empty() ? std::string(kHelp)
                                      : StrCat("hpcc sandbox: there is no ", first, "\n", kHelp));
    return kExitUsage;
  }
  return RunCommand(*command, context, {words.begin() + 1, words.end()});
}

}  // namespace

int RunSandbox(int argc, char** argv) {
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
  const int exit_code = Run(context, {argv + std::min(argc, 1), argv + argc});
  if (console.Finish()) return exit_code;
  console.Err("hpcc sandbox: the output could not be written\n");
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
