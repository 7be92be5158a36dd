#include <array>
#include <utility>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/flag_table.h"
#include "compiler/gnu_state.h"
#include "compiler/invocation.h"
#include "compiler/response_file.h"

// Reads a GNU command line from left to right: gnu_flags.cc says what each flag is, this file what
// to do about it, and gnu_result.cc what it all means in the end.

namespace hpcc {
namespace {

using A = FlagAction;
using E = FlagEffect;
using R = NotCacheableReason;

// Variables that make a compiler write files, print, or change its own arguments.
constexpr std::array<const char*, 16> kDecisiveVariables = {"CCC_ADD_ARGS",
                                                            "CCC_OVERRIDE_OPTIONS",
                                                            "CC_LOG_DIAGNOSTICS",
                                                            "CC_LOG_DIAGNOSTICS_FILE",
                                                            "CC_PRINT_HEADERS",
                                                            "CC_PRINT_HEADERS_FILE",
                                                            "CC_PRINT_INTERNAL_STAT",
                                                            "CC_PRINT_INTERNAL_STAT_FILE",
                                                            "CC_PRINT_OPTIONS",
                                                            "CC_PRINT_OPTIONS_FILE",
                                                            "CC_PRINT_PROC_STAT",
                                                            "CC_PRINT_PROC_STAT_FILE",
                                                            "DEPENDENCIES_OUTPUT",
                                                            "GCC_COMPARE_DEBUG",
                                                            "QA_OVERRIDE_GCC3_OPTIONS",
                                                            "SUNPRO_DEPENDENCIES"};

constexpr FlagRow kNegated = {"-fno-", ValueForm::kJoined, E::kCodegen};

class GnuReader {
 public:
  GnuReader(GnuState* state, const std::vector<std::string>& words)
      : state_(*state), words_(words), table_(GnuFlags()) {}

  void Read() {
    for (size_t i = 0; i < words_.size();) i = ReadOne(i);
    if (state_.frontend_value != GnuState::FrontendValue::kNone) {
      state_.Refuse(R::kMalformedCommand, "-Xclang");
    }
    if (state_.assembler.value_is_missing()) state_.Refuse(R::kMalformedCommand, "-Xassembler");
  }

 private:
  // Reads the argument at words_[i]; returns where the next one begins.
  size_t ReadOne(size_t i);
  void ReadInput(const std::string& word);
  void ReadUnknown(const std::string& word);
  const FlagRow* Find(std::string_view word) const;
  void Act(const FlagRow& row, Argument* argument);
  bool ActOnSearch(const FlagRow& row, const Argument& argument);
  bool ActOnFiles(const FlagRow& row, const Argument& argument);
  bool ActOnExtraOutput(const FlagRow& row, const Argument& argument);
  bool ActOnDependencies(const FlagRow& row, const Argument& argument);
  bool ActOnNestedWords(const FlagRow& row, Argument* argument);

  GnuState& state_;
  const std::vector<std::string>& words_;
  const FlagTable table_;
  bool options_ended_ = false;
};

const FlagRow* GnuReader::Find(std::string_view word) const {
  if (const FlagRow* row = table_.Find(word)) return row;
  if (word.starts_with("-fno-")) {
    if (table_.Find(StrCat("-f", word.substr(5)))) return &kNegated;
    return nullptr;
  }
  // gcc takes --x for -fx where it knows no --x. Only refusals matter here: the rest is as well
  // off as unknown.
  if (word.starts_with("--") && !state_.context.is_clang) {
    const FlagRow* row = table_.Find(StrCat("-f", word.substr(2)));
    if (row != nullptr && row->action != A::kNone) {
      static constexpr FlagRow kDoubleDash = {"--", ValueForm::kJoined, E::kUnknown, A::kRefuse,
                                              {},   R::kUnsupportedFlag};
      return &kDoubleDash;
    }
  }
  return nullptr;
}

size_t GnuReader::ReadOne(size_t i) {
  const std::string& word = words_[i];
  if (options_ended_ || word.empty() || word[0] != '-' || word == "-") {
    ReadInput(word);
    return i + 1;
  }
  if (word == "--") {
    options_ended_ = true;
    state_.invocation.arguments.push_back({{word}, "--", "", E::kLanguage});
    if (!state_.context.is_clang) state_.Refuse(R::kMalformedCommand, word);
    return i + 1;
  }
  const FlagRow* row = Find(word);
  if (row == nullptr) {
    ReadUnknown(word);
    return i + 1;
  }
  Argument argument{{word}, std::string(row->CanonicalName()), "", row->effect};
  if (row == &kNegated) argument.flag = word;
  const bool joined = word.size() > row->name.size();
  size_t next = i + 1;
  if (row->form == ValueForm::kSeparate || (row->form == ValueForm::kJoinedOrSeparate && !joined)) {
    if (next == words_.size()) {
      state_.Refuse(R::kMalformedCommand, word);
      state_.invocation.arguments.push_back(std::move(argument));
      return next;
    }
    argument.value = words_[next];
    argument.words.push_back(words_[next]);
    ++next;
  } else {
    argument.value = word.substr(row->name.size());
  }
  Act(*row, &argument);
  state_.invocation.arguments.push_back(std::move(argument));
  return next;
}

void GnuReader::ReadInput(const std::string& word) {
  state_.inputs.push_back({word, state_.language});
  state_.invocation.arguments.push_back({{word}, "", word, E::kLanguage});
}

void GnuReader::ReadUnknown(const std::string& word) {
  const size_t equals = word.find('=');
  Argument argument{{word}, word.substr(0, equals), "", E::kUnknown};
  if (equals != std::string::npos) {
    argument.value = word.substr(equals + 1);
    // The compiler may read a file that a flag names.
    state_.AddContentIfFile(argument.value);
  }
  state_.invocation.arguments.push_back(std::move(argument));
}

// "-g0", "-ggdb0", "--debug=0"; "-gdwarf-4" and "-gdwarf32" end in other digits.
bool SwitchesDebugOff(std::string_view word) {
  return word.ends_with('0');
}

void GnuReader::Act(const FlagRow& row, Argument* argument) {
  GnuState& s = state_;
  switch (row.action) {
    case A::kNone:
      return;
    case A::kRefuse:
      s.Refuse(*row.reason, argument->words[0]);
      return;
    case A::kCompile:
      s.compile = true;
      return;
    case A::kAssembly:
      s.assembly = true;
      return;
    case A::kEmitLlvm:
      s.emit_llvm = true;
      return;
    case A::kOutput:
      if (s.output) s.Refuse(R::kUnsupportedFlag, "-o given twice");
      if (argument->value.empty()) s.Refuse(R::kMalformedCommand, "-o");
      s.output = argument->value;
      return;
    case A::kLanguage:
      s.language = argument->value == "none" ? "" : argument->value;
      return;
    case A::kArchitecture:
      for (const std::string& other : s.architectures) {
        if (other != argument->value) s.Refuse(R::kSeveralArchitectures, argument->value);
      }
      s.architectures.push_back(argument->value);
      return;
    case A::kMachine:
      if (argument->value.starts_with("native")) {
        argument->effect = E::kNative;
        s.invocation.uses_native = true;
      }
      return;
    case A::kRecordsCommand:
      // clang records the flags hpcc adds as well; gcc leaves out those that don't change code.
      if (s.context.is_clang) s.Refuse(R::kUnsupportedFlag, argument->words[0]);
      return;
    case A::kOptInfo:
      if (StrContains(argument->value, "=")) s.Refuse(R::kExtraOutput, argument->words[0]);
      return;
    default:
      break;
  }
  const bool done = ActOnSearch(row, *argument) || ActOnFiles(row, *argument) ||
                    ActOnExtraOutput(row, *argument) || ActOnDependencies(row, *argument) ||
                    ActOnNestedWords(row, argument);
  if (!done) s.Refuse(R::kUnsupportedFlag, argument->words[0]);
}

bool GnuReader::ActOnSearch(const FlagRow& row, const Argument& argument) {
  using Chain = SearchDirectory::Chain;
  Invocation& invocation = state_.invocation;
  const auto add = [&](Chain chain) {
    if (argument.value.empty()) state_.Refuse(R::kUnsupportedFlag, argument.flag);
    invocation.search.push_back({chain, argument.value});
  };
  switch (row.action) {
    case A::kSearchQuote:
      add(Chain::kQuote);
      return true;
    case A::kSearchBracket:
      if (argument.value == "-") state_.Refuse(R::kUnsupportedFlag, "-I-");
      add(Chain::kBracket);
      return true;
    case A::kSearchSystem:
      add(Chain::kSystem);
      return true;
    case A::kSearchAfter:
      add(Chain::kAfter);
      return true;
    case A::kSystemRoot:
      state_.system_root = argument.value;
      return true;
    case A::kHeaderRoot:
      state_.header_root = argument.value;
      return true;
    case A::kNoStandardIncludes:
      invocation.standard_includes = false;
      return true;
    case A::kInclude:
      invocation.forced_includes.push_back({argument.value, false});
      return true;
    case A::kMacros:
      invocation.forced_includes.push_back({argument.value, true});
      return true;
    default:
      return false;
  }
}

bool GnuReader::ActOnFiles(const FlagRow& row, const Argument& argument) {
  switch (row.action) {
    case A::kContent:
      state_.AddContent(argument.value, argument.words[0]);
      return true;
    case A::kPlugin:
      state_.AddContent(argument.value, argument.words[0]);
      return true;
    case A::kPluginArgument:
      ReadPluginArgument(&state_, argument.value);
      return true;
    case A::kSpecs:
      ReadSpecs(&state_, argument.value);
      return true;
    case A::kProfileUse:
      state_.profile_use = argument.value;
      state_.profile_use_is_file = argument.flag == "-fprofile-instr-use";
      return true;
    case A::kProfileUseOff:
      state_.profile_use.reset();
      return true;
    case A::kProfileSample:
      if (!argument.value.empty()) {
        state_.AddContent(argument.value, argument.words[0]);
      } else if (!state_.context.is_clang) {
        state_.AddContent("fbdata.afdo", argument.words[0]);
      }
      return true;
    default:
      return false;
  }
}

bool GnuReader::ActOnExtraOutput(const FlagRow& row, const Argument& argument) {
  Invocation& invocation = state_.invocation;
  switch (row.action) {
    case A::kDebug:
      invocation.debug_info = !SwitchesDebugOff(argument.words[0]);
      return true;
    case A::kSplitDwarf:
      // "single" keeps everything in the object.
      state_.split_dwarf = argument.value != "single";
      invocation.output_path_reaches_output = true;
      return true;
    case A::kSplitDwarfOff:
      state_.split_dwarf = false;
      return true;
    case A::kCoverage:
      state_.coverage = true;
      invocation.output_path_reaches_output = true;
      return true;
    case A::kTestCoverage:
      state_.test_coverage = true;
      invocation.output_path_reaches_output = true;
      return true;
    case A::kTestCoverageOff:
      state_.test_coverage = false;
      return true;
    case A::kStackUsage:
      state_.stack_usage = true;
      return true;
    case A::kLinkTime:
      state_.link_time = true;
      return true;
    case A::kLinkTimeOff:
      state_.link_time = false;
      return true;
    case A::kOutputPathMatters:
      invocation.output_path_reaches_output = true;
      if (argument.flag == "-fprofile-dir") state_.profile_directory = argument.value;
      return true;
    default:
      return false;
  }
}

bool GnuReader::ActOnDependencies(const FlagRow& row, const Argument& argument) {
  switch (row.action) {
    case A::kAllDependencies:
      state_.all_dependencies = true;
      return true;
    case A::kUserDependencies:
      state_.user_dependencies = true;
      return true;
    case A::kDependencyFile:
      state_.dependency_file = argument.value;
      return true;
    case A::kDependencyTarget:
      state_.invocation.dependencies.targets.push_back({argument.value, false});
      return true;
    case A::kDependencyTargetQuoted:
      state_.invocation.dependencies.targets.push_back({argument.value, true});
      return true;
    case A::kPhonyTargets:
      state_.phony_targets = true;
      return true;
    default:
      return false;
  }
}

bool GnuReader::ActOnNestedWords(const FlagRow& row, Argument* argument) {
  const bool list = row.form == ValueForm::kCommaJoined;
  const auto words = [&] {
    return list ? StrSplit(argument->value, ',') : std::vector<std::string_view>{argument->value};
  };
  switch (row.action) {
    case A::kForPreprocessor:
      ReadPreprocessorWords(&state_, words(), argument);
      return true;
    case A::kForAssembler:
      ReadAssemblerWords(&state_, words(), argument);
      return true;
    case A::kForFrontend:
      ReadFrontendWord(&state_, argument->value);
      return true;
    case A::kForLlvm:
      ReadLlvmWord(&state_, argument->value);
      return true;
    default:
      return false;
  }
}

}  // namespace

void GnuState::Refuse(NotCacheableReason reason, std::string_view detail) {
  const auto is_purpose = [](NotCacheableReason r) {
    return r == R::kNotACompile || r == R::kLinks || r == R::kPreprocessesOnly ||
           r == R::kDependenciesOnly;
  };
  if (invocation.refusal && (is_purpose(invocation.refusal->reason) || !is_purpose(reason))) return;
  invocation.refusal = NotCacheable{reason, std::string(detail)};
}

Invocation ParseGnu(const ParseContext& context, const std::vector<std::string>& args) {
  GnuState state(context);
  state.invocation.grammar = Grammar::kGnu;
  absl::StatusOr<std::vector<std::string>> words = ExpandResponseFiles(
      context.fs, context.cwd, args, Quoting::kGnu, &state.invocation.had_response_file);
  if (!words.ok()) {
    state.Refuse(R::kResponseFile, words.status().ToString());
    return std::move(state.invocation);
  }
  GnuReader(&state, *words).Read();
  for (const char* name : kDecisiveVariables) {
    if (context.environment.Has(name)) state.Refuse(R::kEnvironment, name);
  }
  SettleResult(&state);
  return std::move(state.invocation);
}

}  // namespace hpcc
