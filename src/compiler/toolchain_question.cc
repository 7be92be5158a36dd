#include "compiler/toolchain_question.h"

#include <array>
#include <optional>

#include "base/path.h"

namespace hpcc {

namespace {

constexpr std::string_view kGcc = "gcc";
constexpr std::string_view kClang = "clang";

// Those that workers compile.
constexpr std::array kLanguages = {Language::kC,
                                   Language::kCxx,
                                   Language::kObjectiveC,
                                   Language::kObjectiveCxx,
                                   Language::kPreprocessedC,
                                   Language::kPreprocessedCxx,
                                   Language::kAssembler,
                                   Language::kAssemblerWithCpp};

std::optional<Language> LanguageOfWord(std::string_view word) {
  for (const Language language : kLanguages) {
    if (LanguageWord(language) == word) return language;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> ToolchainQuestion(const std::string& compiler,
                                           const Invocation& invocation, bool is_clang) {
  std::vector<std::string> words = {compiler, std::string(is_clang ? kClang : kGcc),
                                    std::string(LanguageWord(invocation.language))};
  const std::vector<std::string> shaping = ShapingWords(invocation);
  words.insert(words.end(), shaping.begin(), shaping.end());
  return words;
}

absl::StatusOr<ToolchainFacts> AnswerToolchainQuestion(FileSystem& fs,
                                                       const Environment& environment,
                                                       const std::vector<std::string>& question) {
  const bool whole = question.size() >= 3 && path::IsAbsolute(question[0]) &&
                     (question[1] == kGcc || question[1] == kClang);
  const std::optional<Language> language = whole ? LanguageOfWord(question[2]) : std::nullopt;
  if (!language) return absl::InvalidArgumentError("this is no question about a toolchain");
  const ParseContext context{fs, environment, "/", std::string(path::Basename(question[0])),
                             question[1] == kClang};
  // Of what is read here only the arguments count: there is no source to refuse the command for.
  Invocation invocation = ParseGnu(context, {question.begin() + 3, question.end()});
  invocation.language = *language;
  return ProbeToolchain(
      fs,
      {.path = question[0], .cwd = "/", .invocation = &invocation, .environment = &environment});
}

}  // namespace hpcc
