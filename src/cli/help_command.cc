#include <array>
#include <vector>

#include "base/nearest_name.h"
#include "base/strings.h"
#include "cli/command.h"

namespace hpcc {

namespace {

int Run(const CommandContext& context, const ParsedOptions& options) {
  if (options.operands().empty()) {
    context.console.Out(OverviewHelp());
    return kExitOk;
  }
  const std::string& name = options.operands().front();
  if (const Command* command = FindCommand(name); command != nullptr) {
    context.console.Out(CommandHelp(*command));
    return kExitOk;
  }
  if (name == "wrap") {
    context.console.Out(WrapHelp());
    return kExitOk;
  }
  std::vector<std::string_view> names = {"wrap"};
  for (const Command* command : AllCommands()) names.push_back(command->name);
  const std::string_view nearest = NearestName(name, names);
  return Complain(context, kHelpCommand,
                  StrCat("there is no command ", name,
                         nearest.empty() ? "" : StrCat("; did you mean ", nearest, "?")),
                  kExitUsage);
}

}  // namespace

constexpr Command kHelpCommand = {
    .name = "help",
    .operands = "[command]",
    .summary = "this list, or more about one command",
    .description = "Prints all commands, or what one command does and takes.",
    .max_operands = 1,
    .run = Run,
};

}  // namespace hpcc
