#include "cli/command_line.h"

#include <cstdio>
#include <string>
#include <vector>

#include "base/path.h"
#include "cli/subcommand.h"
#include "client/wrapper.h"

namespace hpcc {

bool IsOwnName(std::string_view program) {
  const std::string_view name = path::Basename(program);
  constexpr std::string_view kOwn = "hpcc";
  if (!name.starts_with(kOwn)) return false;
  if (name.size() == kOwn.size()) return true;
  const char next = name[kOwn.size()];
  return !((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'));
}

CommandForm FormOf(std::string_view program, std::string_view first_word) {
  if (!IsOwnName(program)) return CommandForm::kMasquerade;
  if (first_word == "wrap") return CommandForm::kLauncher;
  if (first_word.empty() || first_word.front() == '-' || IsSubcommand(first_word)) {
    return CommandForm::kSubcommand;
  }
  return CommandForm::kLauncher;
}

namespace {

// `words` follow "wrap".
int Wrap(std::vector<std::string> words) {
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  if (!words.empty() && (words.front() == "--help" || words.front() == "-h")) {
    std::fputs(WrapHelp().c_str(), stdout);
    return kExitOk;
  }
  if (words.empty() || words.front().empty() || words.front().front() == '-') {
    std::fputs("hpcc wrap: a compiler must come first\n", stderr);
    std::fputs(WrapHelp().c_str(), stderr);
    return kExitUsage;
  }
  return RunWrapper(words, /*masquerade=*/false);
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  const std::string_view program = argc > 0 ? argv[0] : "hpcc";
  const std::string_view first_word = argc > 1 ? argv[1] : "";
  switch (FormOf(program, first_word)) {
    case CommandForm::kMasquerade:
      return RunWrapper(std::vector<std::string>(argv, argv + argc), /*masquerade=*/true);
    case CommandForm::kLauncher:
      if (first_word == "wrap") return Wrap(std::vector<std::string>(argv + 2, argv + argc));
      return RunWrapper(std::vector<std::string>(argv + 1, argv + argc), /*masquerade=*/false);
    case CommandForm::kSubcommand:
      break;
  }
  return RunSubcommand(argc > 1 ? std::vector<std::string>(argv + 1, argv + argc)
                                : std::vector<std::string>());
}

}  // namespace hpcc
