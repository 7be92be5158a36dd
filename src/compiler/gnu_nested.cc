#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "compiler/flag_table.h"
#include "compiler/gnu_state.h"
#include "compiler/word_list.h"

// Words that the driver hands on to another program. They are not the driver's language, so only
// what is known to be harmless, or is understood, passes.

namespace hpcc {
namespace {

using R = NotCacheableReason;
using Frontend = GnuState::FrontendValue;

struct FrontendFlag {
  std::string_view name;
  Frontend value;
};
// Flags of clang's frontend whose value is a word of its own.
constexpr FrontendFlag kFrontendFlags[] = {
    {"-include-pch", Frontend::kContent},
    {"-load", Frontend::kContent},
    {"-plugin", Frontend::kWord},
    {"-add-plugin", Frontend::kWord},
    {"-mllvm", Frontend::kLlvm},
    {"-fdebug-compilation-dir", Frontend::kDirectory},
    {"-target-cpu", Frontend::kWord},
    {"-target-feature", Frontend::kWord},
    {"-target-abi", Frontend::kWord},
    {"-tune-cpu", Frontend::kWord},
    {"-mrelocation-model", Frontend::kWord},
    {"-pic-level", Frontend::kWord},
    {"-mcode-model", Frontend::kWord},
    {"-mthread-model", Frontend::kWord},
};

Frontend FrontendValueOf(std::string_view flag) {
  // A plugin's argument may be a file that it reads or writes.
  if (flag.starts_with("-plugin-arg-")) return Frontend::kWord;
  for (const FrontendFlag& row : kFrontendFlags) {
    if (row.name == flag) return row.value;
  }
  return Frontend::kNone;
}

void TakeFrontendValue(GnuState* state, std::string_view word) {
  switch (std::exchange(state->frontend_value, Frontend::kNone)) {
    case Frontend::kContent:
      return state->AddContent(std::string(word), "-Xclang");
    case Frontend::kLlvm:
      return ReadLlvmWord(state, word);
    case Frontend::kWord:
      if (!state->AddContentIfFile(std::string(word)) && StrContains(word, "/")) {
        state->Refuse(R::kUnsupportedFlag, StrCat("-Xclang ", word));
      }
      return;
    case Frontend::kDirectory:
    case Frontend::kNone:
      return;
  }
}

constexpr std::array<std::string_view, 9> kFrontendPrefixes = {
    "-f",          "-m",        "-W",
    "-O",          "-disable-", "-no-",
    "-vectorize-", "-menable-", "-discard-value-names"};

}  // namespace

void ReadPreprocessorWords(GnuState* state, const std::vector<std::string_view>& words,
                           Argument* argument) {
  if (words.front() == "-MD" || words.front() == "-MMD") {
    argument->effect = FlagEffect::kDependency;
    // With more pieces gcc and clang see different things in them, and clang forgets the file.
    const bool understood = argument->flag == "-Wp," && words.size() == 2 && !words[1].empty() &&
                            words[1][0] != '-' && !state->preprocessor_dependencies;
    if (!understood) return state->Refuse(R::kUnsupportedFlag, argument->words[0]);
    state->preprocessor_dependencies = {words.front() == "-MD", std::string(words[1])};
    return;
  }
  for (std::string_view word : words) {
    const bool plain = word.size() > 2 && (word.starts_with("-D") || word.starts_with("-U") ||
                                           (word.starts_with("-W") && !StrContains(word, ",")));
    if (!plain) return state->Refuse(R::kUnsupportedFlag, argument->words[0]);
  }
}

void ReadAssemblerWords(GnuState* state, const std::vector<std::string_view>& words,
                        Argument* argument) {
  bool plain = true;
  for (std::string_view word : words) {
    const AssemblerEffect effect = state->assembler.Read(word).effect;
    plain = plain && effect == AssemblerEffect::kPlain;
    if (effect == AssemblerEffect::kResponseFile) {
      state->Refuse(R::kResponseFile, argument->words[0]);
    } else if (effect == AssemblerEffect::kWrites) {
      state->Refuse(R::kExtraOutput, argument->words[0]);
    } else if (effect == AssemblerEffect::kUnknown) {
      state->Refuse(R::kUnsupportedFlag, StrJoin(argument->words, " "));
    }
  }
  if (plain) argument->effect = FlagEffect::kCodegen;
}

void ReadFrontendWord(GnuState* state, std::string_view word) {
  if (state->frontend_value != Frontend::kNone) return TakeFrontendValue(state, word);
  state->frontend_value = FrontendValueOf(word);
  if (state->frontend_value != Frontend::kNone) return;
  if (!BeginsWithOneOf(word, kFrontendPrefixes)) {
    state->Refuse(R::kUnsupportedFlag, StrCat("-Xclang ", word));
    return;
  }
  const FlagRow* row = GnuFlags().Find(word);
  const size_t equals = word.find('=');
  if (row != nullptr && row->action == FlagAction::kRefuse) {
    state->Refuse(*row->reason, StrCat("-Xclang ", word));
  } else if (row != nullptr && row->action == FlagAction::kContent) {
    state->AddContent(std::string(word.substr(row->name.size())), word);
  } else if (equals != std::string_view::npos) {
    const bool is_file = state->AddContentIfFile(std::string(word.substr(equals + 1)));
    if (!is_file && StrContains(word, "/")) {
      state->Refuse(R::kUnsupportedFlag, StrCat("-Xclang ", word));
    }
  }
}

void ReadLlvmWord(GnuState* state, std::string_view word) {
  constexpr std::array<std::string_view, 8> kReporting = {"stats", "time",  "debug", "print",
                                                          "info",  "trace", "dump",  "view"};
  const bool reports = std::any_of(kReporting.begin(), kReporting.end(),
                                   [&](std::string_view part) { return StrContains(word, part); });
  if (reports || StrContains(word, "/") || StrContains(word, "file") ||
      StrContains(word, "output")) {
    state->Refuse(R::kUnsupportedFlag, StrCat("-mllvm ", word));
    return;
  }
  const size_t equals = word.find('=');
  if (equals != std::string_view::npos) {
    state->AddContentIfFile(std::string(word.substr(equals + 1)));
  }
}

}  // namespace hpcc
