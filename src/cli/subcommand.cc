#include "cli/subcommand.h"

#include <span>

#include "base/nearest_name.h"
#include "base/strings.h"

namespace hpcc {

namespace {

std::string AsText(const absl::Status& status) {
  return std::string(status.message());
}

// "--help", "-h" and "--version" alone stand for commands.
std::string_view CommandWord(std::string_view word) {
  if (word == "--help" || word == "-h") return "help";
  if (word == "--version" || word == "-V") return "version";
  return word;
}

int WrongCommand(Console& console, std::string_view word) {
  if (word.empty()) {
    console.Err(OverviewHelp());
    return kExitUsage;
  }
  constexpr std::string_view kOptions[] = {"--help", "--version"};
  const std::string_view nearest = NearestName(word, kOptions);
  console.Err(StrCat("hpcc: unknown option ", word,
                     nearest.empty() ? "" : StrCat("; did you mean ", nearest, "?"),
                     "\nTry 'hpcc help'.\n"));
  return kExitUsage;
}

std::string OperandCountMistake(const Command& command, const std::vector<std::string>& operands) {
  if (operands.size() < command.min_operands) return StrCat(command.operands, " is missing");
  if (operands.size() > command.max_operands) {
    return StrCat("\"", operands[command.max_operands], "\" is one word too many");
  }
  return {};
}

}  // namespace

bool IsSubcommand(std::string_view word) {
  return FindCommand(word) != nullptr;
}

int RunCommand(const Command& command, const CommandContext& context,
               const std::vector<std::string>& words) {
  const auto usage = [&](std::string_view message) {
    Complain(context, command, message);
    context.console.Err(StrCat("Try 'hpcc ", command.name, " --help'.\n"));
    return kExitUsage;
  };
  const absl::StatusOr<ParsedOptions> options = ParseOptions(command.options, words);
  if (!options.ok()) return usage(AsText(options.status()));
  if (options->Has(kHelpOption.name)) {
    context.console.Out(CommandHelp(command));
    return kExitOk;
  }
  const std::string mistake = OperandCountMistake(command, options->operands());
  if (!mistake.empty()) return usage(mistake);
  return command.run(context, *options);
}

int RunSubcommand(const std::vector<std::string>& words) {
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  ProcessConsole console(environment);
  const Command* command = words.empty() ? nullptr : FindCommand(CommandWord(words.front()));

  Config config;
  if (command == nullptr || command->needs_config) {
    absl::StatusOr<Config> loaded = LoadConfig(fs, environment);
    if (!loaded.ok()) {
      console.Err(StrCat("hpcc: ", AsText(loaded.status()), "\n"));
      return kExitUsage;
    }
    config = *std::move(loaded);
  }
  if (command == nullptr) return WrongCommand(console, words.empty() ? "" : words.front());

  const CommandContext context{fs,
                               Clock::Real(),
                               environment,
                               config,
                               fs.RealPath(".").value_or("/"),
                               fs.RealPath("/proc/self/exe").value_or(""),
                               console};
  const int exit_code = RunCommand(*command, context, {words.begin() + 1, words.end()});
  if (console.Finish()) return exit_code;
  console.Err("hpcc: the output could not be written\n");
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
