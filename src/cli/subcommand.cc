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

}  // namespace

bool IsSubcommand(std::string_view word) {
  return FindCommand(word) != nullptr;
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
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (!command->program.empty()) return HandOver(*command, context, rest);
  const int exit_code = RunCommand(*command, context, rest);
  if (console.Finish()) return exit_code;
  console.Err("hpcc: the output could not be written\n");
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
