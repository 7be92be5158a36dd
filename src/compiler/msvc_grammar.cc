#include <algorithm>
#include <utility>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/flag_table.h"
#include "compiler/gnu_languages.h"
#include "compiler/gnu_outputs.h"
#include "compiler/gnu_state.h"
#include "compiler/invocation.h"
#include "compiler/response_file.h"

// Reads the command lines of cl and clang-cl. Found by trying clang-cl 14 on Linux:
//
// - A word that begins with "/" is a flag when it can be one, else a file.
// - /Fo names the object: a directory when it ends in a slash, else a file, which gets .obj when it
//   has no suffix. clang-cl takes "/Fo:x" for a file ":x", cl for "x".
// - Words after /clang: are clang's own, one to each. Its dependency file is stem(source).d in the
//   working directory and its target stem(source).o, whatever /Fo says.
// - CL in the environment stands in front of the arguments and _CL_ behind them; there the first
// "#"
//   of a word means "=".

namespace hpcc {
namespace {

using A = FlagAction;
using E = FlagEffect;
using R = NotCacheableReason;

class MsvcReader {
 public:
  explicit MsvcReader(GnuState* state) : state_(*state) {}

  void Read(const std::vector<std::string>& words) {
    for (size_t i = 0; i < words.size();) i = ReadOne(words, i);
    if (state_.frontend_value != GnuState::FrontendValue::kNone || gnu_value_ != A::kNone) {
      state_.Refuse(R::kMalformedCommand, "a flag without its value");
    }
  }

  void Settle();

 private:
  size_t ReadOne(const std::vector<std::string>& words, size_t i);
  void ReadInput(const std::string& word);
  void Act(const FlagRow& row, Argument* argument);
  bool ActOnInputs(const FlagRow& row, const Argument& argument);
  void ActAsGnu(const FlagRow& row, Argument* argument);
  void ReadGnuWord(Argument* argument);
  void GiveGnuValue(const std::string& value);
  const FlagRow* Find(const std::string& word, bool* gnu) const;
  bool IsFile(const std::string& word) const;
  void SettleSource();
  void SettleOutput();
  void SettleDependencies();
  void RequireReplaceable(const std::string& path);

  GnuState& state_;
  std::string all_language_;       // "c" or "c++" after /TC or /TP
  std::optional<std::string> fo_;  // /Fo
  A gnu_value_ = A::kNone;         // the /clang: flag that waits for its value
  bool options_ended_ = false;
};

bool MsvcReader::IsFile(const std::string& word) const {
  FileStat stat;
  return state_.context.fs.Stat(word.c_str(), true, &stat) == 0 && stat.is_regular();
}

const FlagRow* MsvcReader::Find(const std::string& word, bool* gnu) const {
  *gnu = false;
  if (word[0] == '/') return MsvcFlags().Find(word);
  if (const FlagRow* row = MsvcFlags().Find(StrCat("/", word.substr(1)))) return row;
  *gnu = true;
  return GnuFlags().Find(word);
}

size_t MsvcReader::ReadOne(const std::vector<std::string>& words, size_t i) {
  const std::string& word = words[i];
  const bool flag_like = word.size() > 1 && (word[0] == '-' || word[0] == '/');
  if (options_ended_ || !flag_like) {
    ReadInput(word);
    return i + 1;
  }
  if (word == "--") {
    options_ended_ = true;
    state_.invocation.arguments.push_back({{word}, "--", "", E::kLanguage});
    return i + 1;
  }
  bool gnu = false;
  const FlagRow* row = Find(word, &gnu);
  if (word[0] == '/' && IsFile(word)) {
    // "/opt/x.c" is a file by its looks and an output by clang-cl's rules.
    if (row != nullptr) state_.Refuse(R::kUnsupportedFlag, word);
    ReadInput(word);
    return i + 1;
  }
  if (row == nullptr) {
    // An unknown "/x" is a file that isn't there; an unknown "-x" is ignored with a warning.
    if (word[0] == '/') {
      ReadInput(word);
    } else {
      state_.invocation.arguments.push_back({{word}, word, "", E::kUnknown});
    }
    return i + 1;
  }
  Argument argument{{word}, std::string(row->CanonicalName()), "", row->effect};
  const bool joined = word.size() > row->name.size();
  size_t next = i + 1;
  if (row->action == A::kLink) {
    argument.words.assign(words.begin() + static_cast<ptrdiff_t>(i), words.end());
    next = words.size();
  } else if (row->form == ValueForm::kSeparate ||
             (row->form == ValueForm::kJoinedOrSeparate && !joined)) {
    if (next == words.size()) {
      state_.Refuse(R::kMalformedCommand, word);
      return next;
    }
    argument.value = words[next];
    argument.words.push_back(words[next]);
    ++next;
  } else {
    argument.value = word.substr(row->name.size());
  }
  if (gnu) {
    ActAsGnu(*row, &argument);
  } else {
    Act(*row, &argument);
  }
  state_.invocation.arguments.push_back(std::move(argument));
  return next;
}

void MsvcReader::ReadInput(const std::string& word) {
  state_.inputs.push_back({word, ""});
  state_.invocation.arguments.push_back({{word}, "", word, E::kLanguage});
}

void MsvcReader::Act(const FlagRow& row, Argument* argument) {
  using Chain = SearchDirectory::Chain;
  Invocation& invocation = state_.invocation;
  switch (row.action) {
    case A::kNone:
      return;
    case A::kRefuse:
      return state_.Refuse(*row.reason, argument->words[0]);
    case A::kSearchBracket:
      return invocation.search.push_back({Chain::kBracket, argument->value});
    case A::kSearchSystem:
      return invocation.search.push_back({Chain::kSystem, argument->value});
    case A::kInclude:
      return invocation.forced_includes.push_back({argument->value, false});
    case A::kNoStandardIncludes:
      invocation.standard_includes = false;
      return;
    case A::kDebugMsvc:
      invocation.debug_info = true;
      // cl writes a program database that other compiles write as well.
      if (!state_.context.is_clang && argument->flag != "/Z7") {
        state_.Refuse(R::kExtraOutput, argument->flag);
      }
      return;
    case A::kShowIncludes:
      invocation.show_includes = true;
      return;
    case A::kGnuFlag:
      return ReadGnuWord(argument);
    default:
      break;
  }
  if (!ActOnInputs(row, *argument)) state_.Refuse(R::kUnsupportedFlag, argument->words[0]);
}

bool MsvcReader::ActOnInputs(const FlagRow& row, const Argument& argument) {
  switch (row.action) {
    case A::kCompile:
      state_.compile = true;
      return true;
    case A::kLink:
      return true;
    case A::kOutput:
      if (argument.value.empty()) state_.Refuse(R::kMalformedCommand, argument.flag);
      state_.output = argument.value;
      return true;
    case A::kMsvcOutput:
      fo_ = argument.value;
      if (!state_.context.is_clang && fo_->starts_with(':')) fo_->erase(0, 1);
      return true;
    case A::kAllC:
      all_language_ = "c";
      return true;
    case A::kAllCxx:
      all_language_ = "c++";
      return true;
    case A::kSourceC:
      state_.inputs.push_back({argument.value, "c"});
      return true;
    case A::kSourceCxx:
      state_.inputs.push_back({argument.value, "c++"});
      return true;
    default:
      return false;
  }
}

// A flag of clang's own that clang-cl takes as it is.
void MsvcReader::ActAsGnu(const FlagRow& row, Argument* argument) {
  switch (row.action) {
    case A::kNone:
    case A::kLinkTime:
    case A::kLinkTimeOff:
      return;
    case A::kOutputPathMatters:
      state_.invocation.output_path_reaches_output = true;
      return;
    case A::kDebug:
      state_.invocation.debug_info = !argument->words[0].ends_with('0');
      return;
    case A::kContent:
      return state_.AddContent(argument->value, argument->words[0]);
    case A::kMachine:
      if (argument->value.starts_with("native")) {
        argument->effect = E::kNative;
        state_.invocation.uses_native = true;
      }
      return;
    case A::kForFrontend:
      return ReadFrontendWord(&state_, argument->value);
    case A::kForLlvm:
      return ReadLlvmWord(&state_, argument->value);
    case A::kRefuse:
      return state_.Refuse(*row.reason, argument->words[0]);
    case A::kCoverage:
    case A::kTestCoverage:
      return state_.Refuse(R::kExtraOutput, argument->words[0]);
    default:
      return state_.Refuse(R::kUnsupportedFlag, argument->words[0]);
  }
}

void MsvcReader::GiveGnuValue(const std::string& value) {
  switch (std::exchange(gnu_value_, A::kNone)) {
    case A::kDependencyFile:
      state_.dependency_file = value;
      return;
    case A::kDependencyTarget:
      return state_.invocation.dependencies.targets.push_back({value, false});
    default:
      return state_.invocation.dependencies.targets.push_back({value, true});
  }
}

void MsvcReader::ReadGnuWord(Argument* argument) {
  const std::string& word = argument->value;
  if (gnu_value_ != A::kNone) {
    argument->effect = E::kDependency;
    return GiveGnuValue(word);
  }
  const FlagRow* row = GnuFlags().Find(word);
  if (row == nullptr) return state_.Refuse(R::kUnsupportedFlag, argument->words[0]);
  argument->effect = row->effect;
  switch (row->action) {
    case A::kAllDependencies:
      state_.all_dependencies = true;
      return;
    case A::kUserDependencies:
      state_.user_dependencies = true;
      return;
    case A::kPhonyTargets:
      state_.phony_targets = true;
      return;
    case A::kDependencyFile:
    case A::kDependencyTarget:
    case A::kDependencyTargetQuoted:
      gnu_value_ = row->action;
      if (word.size() > row->name.size()) GiveGnuValue(word.substr(row->name.size()));
      return;
    case A::kRefuse:
      return state_.Refuse(*row->reason, argument->words[0]);
    case A::kNone:
      // A flag that waits for a value would take the next /clang: word.
      if (row->form == ValueForm::kNone || word.size() > row->name.size()) return;
      [[fallthrough]];
    default:
      return state_.Refuse(R::kUnsupportedFlag, argument->words[0]);
  }
}

void MsvcReader::Settle() {
  if (state_.inputs.empty()) {
    state_.Refuse(R::kNotACompile, "no input file");
  } else if (!state_.compile) {
    state_.Refuse(R::kLinks, "no /c");
  }
  SettleSource();
  SettleOutput();
  SettleDependencies();
  Invocation& invocation = state_.invocation;
  invocation.records_command_line = invocation.debug_info;
  invocation.searches_include_stack = true;
  invocation.cwd_reaches_output =
      invocation.debug_info || IsAssembler(invocation.language) ||
      std::any_of(invocation.arguments.begin(), invocation.arguments.end(),
                  [](const Argument& argument) {
                    return argument.effect == E::kPathsInOutput || argument.effect == E::kUnknown;
                  });
}

void MsvcReader::SettleSource() {
  Invocation& invocation = state_.invocation;
  if (state_.inputs.empty()) return;
  const GnuInput& input = state_.inputs.front();
  invocation.source = input.path;
  if (state_.inputs.size() > 1) return state_.Refuse(R::kSeveralSources, state_.inputs[1].path);
  if (input.path == "-") return state_.Refuse(R::kSourceFromStdin, "-");
  const std::string& named = input.language.empty() ? all_language_ : input.language;
  const LanguageChoice choice =
      named.empty() ? LanguageOfFile(input.path, false, true) : LanguageNamed(named);
  invocation.language = choice.language;
  if (choice.refusal) return state_.Refuse(*choice.refusal, input.path);
  if (!invocation.refusal && !IsFile(path::Join(state_.context.cwd, input.path))) {
    state_.Refuse(R::kSourceNotRegular, input.path);
  }
}

void MsvcReader::RequireReplaceable(const std::string& path) {
  if (state_.invocation.refusal) return;
  FileStat stat;
  const std::string full = path::Join(state_.context.cwd, path);
  const bool exists = state_.context.fs.Stat(full.c_str(), true, &stat) == 0;
  if (path == "-" || path::IsPerProcess(path) || (exists && !stat.is_regular()))
    state_.Refuse(R::kOutputNotRegular, path);
}

void MsvcReader::SettleOutput() {
  Invocation& invocation = state_.invocation;
  const std::string from_source = StrCat(StemOf(invocation.source), ".obj");
  invocation.output_is_explicit = state_.output.has_value() || fo_.has_value();
  if (state_.output && fo_) state_.Refuse(R::kUnsupportedFlag, "/Fo together with /o");
  const std::string given = fo_ ? *fo_ : state_.output.value_or("");
  if (given.empty()) {
    invocation.output = from_source;
  } else if (given.ends_with('/') || given.ends_with('\\')) {
    invocation.output = StrCat(given, from_source);
  } else if (path::Basename(given).rfind('.') == std::string_view::npos) {
    invocation.output = StrCat(given, ".obj");
  } else {
    invocation.output = given;
  }
  invocation.outputs = {{OutputRole::kObject, invocation.output}};
  RequireReplaceable(invocation.output);
}

void MsvcReader::SettleDependencies() {
  Invocation& invocation = state_.invocation;
  DependencyRequest& request = invocation.dependencies;
  const std::string_view stem = StemOf(invocation.source);
  request.default_target = StrCat(stem, ".o");
  request.phony_targets = state_.phony_targets;
  if (IsPreprocessed(invocation.language)) return;
  if (!state_.all_dependencies && !state_.user_dependencies) {
    if (state_.dependency_file || state_.phony_targets || !request.targets.empty()) {
      state_.Refuse(R::kUnsupportedFlag, "/clang:-MF, -MT, -MQ or -MP without -MD");
    }
    return;
  }
  if (state_.all_dependencies && state_.user_dependencies) {
    return state_.Refuse(R::kUnsupportedFlag, "/clang:-MD with /clang:-MMD");
  }
  // With /o it is another name, which nobody needs.
  if (state_.output) return state_.Refuse(R::kUnsupportedFlag, "/clang:-MD with /o");
  request.kind = state_.user_dependencies ? DependencyRequest::Kind::kUserHeaders
                                          : DependencyRequest::Kind::kAllHeaders;
  request.file = state_.dependency_file.value_or(StrCat(stem, ".d"));
  if (request.file.empty()) return state_.Refuse(R::kMalformedCommand, "/clang:-MF");
  RequireReplaceable(request.file);
}

// The words a variable adds. They stay in the environment of every command that hpcc runs, so they
// are read for what they mean and not put into the arguments.
absl::StatusOr<std::vector<std::string>> WordsOfVariable(const Environment& environment,
                                                         std::string_view name) {
  absl::StatusOr<std::vector<std::string>> words =
      SplitWords(environment.GetOrEmpty(name), Quoting::kMsvc);
  if (!words.ok()) return words;
  for (std::string& word : *words) {
    const size_t hash = word.find('#');
    if (hash != std::string::npos) word[hash] = '=';
  }
  return words;
}

// Reads `name`'s words; their arguments are dropped again, except that flags whose words hpcc
// replaces or that need cleaning up afterwards are refused.
void ReadVariable(GnuState* state, MsvcReader* reader, const char* name) {
  const auto words = WordsOfVariable(state->context.environment, name);
  if (!words.ok()) return state->Refuse(R::kEnvironment, name);
  const size_t before = state->invocation.arguments.size();
  reader->Read(*words);
  std::vector<Argument>& arguments = state->invocation.arguments;
  for (size_t i = before; i < arguments.size(); ++i) {
    const E effect = arguments[i].effect;
    if (arguments[i].flag.empty() || effect == E::kDependency || effect == E::kOutput ||
        effect == E::kPathsInOutput || effect == E::kUnknown || effect == E::kLinkOnly) {
      state->Refuse(R::kEnvironment, name);
    }
  }
  arguments.resize(before);
}

}  // namespace

Invocation ParseMsvc(const ParseContext& context, const std::vector<std::string>& args) {
  GnuState state(context);
  state.invocation.grammar = Grammar::kMsvc;
  const absl::StatusOr<std::vector<std::string>> words = ExpandResponseFiles(
      context.fs, context.cwd, args, Quoting::kMsvc, &state.invocation.had_response_file);
  if (!words.ok()) {
    state.Refuse(R::kResponseFile, words.status().ToString());
    return std::move(state.invocation);
  }
  MsvcReader reader(&state);
  ReadVariable(&state, &reader, "CL");
  reader.Read(*words);
  ReadVariable(&state, &reader, "_CL_");
  for (const char* name : {"CCC_OVERRIDE_OPTIONS", "CC_PRINT_OPTIONS", "CC_PRINT_HEADERS",
                           "CC_LOG_DIAGNOSTICS", "CC_PRINT_PROC_STAT"}) {
    if (context.environment.Has(name)) state.Refuse(R::kEnvironment, name);
  }
  reader.Settle();
  return std::move(state.invocation);
}

}  // namespace hpcc
