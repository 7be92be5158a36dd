#include "cli/command.h"

#include <algorithm>

#include "base/path.h"
#include "base/process.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kOptionColumn = 22;

std::string OptionSpelling(const OptionSpec& option) {
  std::string text = option.short_name != '\0' ? StrCat("-", option.short_name, ", ") : "";
  StrAppend(&text, option.name);
  if (!option.value.empty()) StrAppend(&text, " ", option.value);
  return text;
}

std::string OperandCountMistake(const Command& command, const std::vector<std::string>& operands) {
  if (operands.size() < command.min_operands) return StrCat(command.operands, " is missing");
  if (operands.size() > command.max_operands) {
    return StrCat("\"", operands[command.max_operands], "\" is one word too many");
  }
  return {};
}

}  // namespace

std::string CommandHelp(const Command& command) {
  if (!command.program.empty()) {
    return StrCat("Usage: hpcc ", command.name, " ", command.operands, "\n\n", command.description,
                  "\n\n'hpcc ", command.name, " --help' tells its options.\n");
  }
  std::string text =
      StrCat("Usage: hpcc ", command.name, command.options.empty() ? "" : " [options]",
             command.operands.empty() ? "" : " ", command.operands, "\n\n", command.description,
             "\n\nOptions:\n");
  const auto line = [&text](const OptionSpec& option) {
    std::string spelling = OptionSpelling(option);
    spelling.resize(std::max(kOptionColumn, spelling.size() + 2), ' ');
    StrAppend(&text, "  ", spelling, option.help, "\n");
  };
  for (const OptionSpec& option : command.options) line(option);
  line(kHelpOption);
  return text;
}

int RunCommand(const Command& command, const CommandContext& context,
               const std::vector<std::string>& words) {
  const auto usage = [&](std::string_view message) {
    Complain(context, command, message);
    context.console.Err(StrCat("Try 'hpcc ", command.name, " --help'.\n"));
    return kExitUsage;
  };
  const absl::StatusOr<ParsedOptions> options = ParseOptions(command.options, words);
  if (!options.ok()) return usage(std::string(options.status().message()));
  if (options->Has(kHelpOption.name)) {
    context.console.Out(CommandHelp(command));
    return kExitOk;
  }
  const std::string mistake = OperandCountMistake(command, options->operands());
  if (!mistake.empty()) return usage(mistake);
  return command.run(context, *options);
}

int HandOver(const Command& command, const CommandContext& context,
             const std::vector<std::string>& words) {
  const std::string program = path::Join(path::Dirname(context.program), command.program);
  if (!FileExists(context.fs, program)) {
    return Complain(context, command,
                    StrCat(program, " is missing: it is installed beside hpcc where it is needed"));
  }
  std::vector<std::string> argv = {program};
  if (!command.program_word.empty()) argv.emplace_back(command.program_word);
  argv.insert(argv.end(), words.begin(), words.end());
  const absl::Status status = Exec(program, argv, context.environment);
  return Complain(context, command, std::string(status.message()));
}

int Complain(const CommandContext& context, const Command& command, std::string_view message,
             int exit_code) {
  context.console.Err(StrCat("hpcc ", command.name, ": ", message, "\n"));
  return exit_code;
}

}  // namespace hpcc
