#include "base/strings.h"
#include "cli/command.h"
#include "cli/completion_scripts.h"

namespace hpcc {

namespace {

int Run(const CommandContext& context, const ParsedOptions& options) {
  const std::string& shell = options.operands().front();
  if (shell == "bash") {
    context.console.Out(BashCompletionScript());
  } else if (shell == "zsh") {
    context.console.Out(ZshCompletionScript());
  } else {
    return Complain(context, kCompletionCommand,
                    StrCat("no completion for \"", shell, "\"; write bash or zsh"), kExitUsage);
  }
  return kExitOk;
}

}  // namespace

constexpr Command kCompletionCommand = {
    .name = "completion",
    .operands = "<bash|zsh>",
    .summary = "a script that makes your shell complete hpcc's words",
    .description =
        "Prints a completion script. bash: eval \"$(hpcc completion bash)\" in ~/.bashrc.\n"
        "zsh: hpcc completion zsh > <a directory of $fpath>/_hpcc.",
    .min_operands = 1,
    .max_operands = 1,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
