#include <algorithm>
#include <optional>
#include <utility>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/gnu_languages.h"
#include "compiler/gnu_outputs.h"
#include "compiler/gnu_state.h"

// What a GNU command line means as a whole: what it is for, its one source, the files it writes.

namespace hpcc {
namespace {

using R = NotCacheableReason;

LanguageChoice LanguageOf(const GnuState& s, const GnuInput& input) {
  if (!input.language.empty()) return LanguageNamed(input.language);
  return LanguageOfFile(input.path, IsCxxDriver(s.context.compiler_name), s.context.is_clang);
}

// Headers alone are precompiled, with -c or without: nothing is linked.
bool OnlyHeaders(const GnuState& s) {
  return std::all_of(s.inputs.begin(), s.inputs.end(), [&](const GnuInput& input) {
    return LanguageOf(s, input).language == Language::kHeader;
  });
}

// What the command is for. A refusal when that isn't one compile.
void SettlePurpose(GnuState* s) {
  if (s->inputs.empty()) {
    s->Refuse(R::kNotACompile, "no input file");
  } else if (!s->compile && !s->assembly && !OnlyHeaders(*s)) {
    s->Refuse(R::kLinks, "no -c or -S");
  }
  if (s->context.compiler_name.starts_with("nvcc")) s->Refuse(R::kLanguage, "nvcc");
}

void SettleSource(GnuState* s) {
  Invocation& invocation = s->invocation;
  if (s->inputs.empty()) return;
  const GnuInput& input = s->inputs.front();
  invocation.source = input.path;
  if (s->inputs.size() > 1) return s->Refuse(R::kSeveralSources, s->inputs[1].path);
  if (input.path == "-") return s->Refuse(R::kSourceFromStdin, "-");

  const LanguageChoice choice = LanguageOf(*s, input);
  invocation.language = choice.language;
  if (choice.refusal) {
    return s->Refuse(*choice.refusal, input.language.empty() ? input.path : input.language);
  }
  invocation.assembly_output = s->assembly;
  if (s->assembly && invocation.language == Language::kAssemblerWithCpp) {
    return s->Refuse(R::kPreprocessesOnly, "-S of assembly prints it preprocessed");
  }
  if (s->assembly && invocation.language == Language::kAssembler) {
    return s->Refuse(R::kNotACompile, "-S of assembly does nothing");
  }
  if (invocation.refusal) return;
  FileStat stat;
  const std::string full = path::Join(s->context.cwd, input.path);
  if (s->context.fs.Stat(full.c_str(), true, &stat) != 0 || !stat.is_regular()) {
    s->Refuse(R::kSourceNotRegular, input.path);
  }
}

// A file that is there already and isn't an ordinary one is never replaced.
void RequireReplaceable(GnuState* s, const std::string& path) {
  if (s->invocation.refusal) return;
  FileStat stat;
  const std::string full = path::Join(s->context.cwd, path);
  const bool exists = s->context.fs.Stat(full.c_str(), true, &stat) == 0;
  if (path == "-" || path::IsPerProcess(path) || (exists && !stat.is_regular()))
    s->Refuse(R::kOutputNotRegular, path);
}

std::string_view ObjectSuffix(const GnuState& s) {
  const bool bitcode = s.emit_llvm && s.context.is_clang;
  if (s.assembly) return bitcode ? ".ll" : ".s";
  return bitcode ? ".bc" : ".o";
}

void AddSplitDwarf(GnuState* s, std::string_view given) {
  Invocation& invocation = s->invocation;
  const bool clang = s->context.is_clang;
  if (!clang) invocation.debug_info = true;
  const bool written = clang ? invocation.debug_info : !s->assembly;
  if (!written) return;
  if (clang && (s->link_time || s->emit_llvm)) return s->Refuse(R::kExtraOutput, "-gsplit-dwarf");
  const std::string_view beside = clang && s->assembly ? std::string_view() : given;
  invocation.outputs.push_back(
      {OutputRole::kDwo, NameBesideOutput(invocation.source, beside, ".dwo", clang)});
}

void SettleOutputs(GnuState* s) {
  Invocation& invocation = s->invocation;
  const bool clang = s->context.is_clang;
  const std::string given = s->output.value_or("");
  const std::string& source = invocation.source;
  invocation.output_is_explicit = s->output.has_value();
  invocation.output = s->output ? given : StrCat(StemOf(source), ObjectSuffix(*s));
  invocation.outputs = {{OutputRole::kObject, invocation.output}};
  if (invocation.refusal) return;
  // ".c": what is its stem is not worth knowing.
  if (!s->output && path::Basename(source).starts_with('.')) s->Refuse(R::kExtraOutput, source);

  if (s->split_dwarf) AddSplitDwarf(s, given);
  const bool compiled = !IsAssembler(invocation.language);
  if ((s->coverage || s->test_coverage) && compiled) {
    invocation.outputs.push_back(
        {OutputRole::kCoverageNotes, NameBesideOutput(source, given, ".gcno", clang)});
  }
  if (s->stack_usage && compiled) {
    if (s->link_time || s->emit_llvm) s->Refuse(R::kExtraOutput, "-fstack-usage");
    invocation.outputs.push_back(
        {OutputRole::kStackUsage, NameBesideOutput(source, given, ".su", clang)});
  }
  for (const Output& output : invocation.outputs) RequireReplaceable(s, output.path);
}

// gcc writes the targets of -MT before those of -MQ, and none with "./" in front.
void OrderTargets(GnuState* s) {
  if (s->context.is_clang) return;
  std::vector<DependencyRequest::Target>& targets = s->invocation.dependencies.targets;
  std::stable_partition(targets.begin(), targets.end(),
                        [](const DependencyRequest::Target& target) { return !target.quote; });
  for (DependencyRequest::Target& target : targets) {
    target.text = std::string(WithoutLeadingDots(target.text));
  }
}

void SettleThroughPreprocessor(GnuState* s) {
  DependencyRequest& request = s->invocation.dependencies;
  // Asked for both ways, each family mixes the two in its own manner.
  if (s->all_dependencies || s->user_dependencies || s->dependency_file) {
    return s->Refuse(R::kUnsupportedFlag, "-Wp,-MD together with -MD or -MF");
  }
  request.kind = s->preprocessor_dependencies->all ? DependencyRequest::Kind::kAllHeaders
                                                   : DependencyRequest::Kind::kUserHeaders;
  request.file = s->preprocessor_dependencies->file;
  request.through_preprocessor = true;
}

void SettleDirectRequest(GnuState* s) {
  Invocation& invocation = s->invocation;
  DependencyRequest& request = invocation.dependencies;
  if (!s->all_dependencies && !s->user_dependencies) {
    // hpcc's own request would make these flags valid, or clang's warning about them disappear.
    if (s->dependency_file || s->phony_targets || !request.targets.empty()) {
      s->Refuse(R::kUnsupportedFlag, "-MF, -MT, -MQ or -MP without -MD");
    }
    return;
  }
  if (s->all_dependencies && s->user_dependencies && s->context.is_clang) {
    return s->Refuse(R::kUnsupportedFlag, "-MD with -MMD");
  }
  request.kind = s->user_dependencies ? DependencyRequest::Kind::kUserHeaders
                                      : DependencyRequest::Kind::kAllHeaders;
  if (s->dependency_file) {
    request.file = *s->dependency_file;
    if (request.file.empty()) s->Refuse(R::kMalformedCommand, "-MF");
  } else if (s->output) {
    request.file = ReplaceSuffix(*s->output, ".d");
  } else {
    request.file = StrCat(StemOf(invocation.source), ".d");
  }
}

void SettleDependencies(GnuState* s) {
  Invocation& invocation = s->invocation;
  DependencyRequest& request = invocation.dependencies;
  const bool by_preprocessor = s->preprocessor_dependencies.has_value() && !s->context.is_clang;
  const std::string from_source = StrCat(StemOf(invocation.source), ".o");
  if (s->output && !by_preprocessor) {
    request.default_target =
        s->context.is_clang ? *s->output : std::string(WithoutLeadingDots(*s->output));
  } else {
    request.default_target = from_source;
  }
  OrderTargets(s);
  request.phony_targets = s->phony_targets;
  if (IsPreprocessed(invocation.language)) return;  // nothing is written then
  if (s->preprocessor_dependencies) {
    SettleThroughPreprocessor(s);
  } else {
    SettleDirectRequest(s);
  }
  if (request.kind != DependencyRequest::Kind::kNone) RequireReplaceable(s, request.file);
}

void RequireDistinctOutputs(GnuState* s) {
  std::vector<std::string_view> paths;
  for (const Output& output : s->invocation.outputs) paths.push_back(output.path);
  if (!s->invocation.dependencies.file.empty()) paths.push_back(s->invocation.dependencies.file);
  paths.push_back(s->invocation.source);
  std::sort(paths.begin(), paths.end());
  const auto twice = std::adjacent_find(paths.begin(), paths.end());
  if (twice != paths.end()) s->Refuse(R::kExtraOutput, *twice);
}

// gcc puts the system root in place of a leading "=" or "$SYSROOT" wherever it takes a directory;
// clang does so for -I and "=" only. Without a root the text stays.
void SettleSearch(GnuState* s) {
  const std::optional<std::string>& root = s->header_root ? s->header_root : s->system_root;
  if (!root) return;
  std::string prefix = *root;
  while (prefix.size() > 1 && prefix.ends_with('/')) prefix.pop_back();
  constexpr std::string_view kVariable = "$SYSROOT";
  for (SearchDirectory& directory : s->invocation.search) {
    std::string& path = directory.path;
    if (s->context.is_clang) {
      if (directory.chain == SearchDirectory::Chain::kBracket && path.starts_with('=')) {
        path = path.size() > 1 && path[1] == '/' ? StrCat(prefix, path.substr(1))
                                                 : StrCat(prefix, "/", path.substr(1));
      }
    } else if (path.starts_with('=')) {
      path = StrCat(prefix, path.substr(1));
    } else if (path.starts_with(kVariable)) {
      path = StrCat(prefix, path.substr(kVariable.size()));
    }
  }
}

bool WorkingDirectoryReachesOutput(const Invocation& invocation) {
  if (IsAssembler(invocation.language) || invocation.debug_info) return true;
  return std::any_of(invocation.arguments.begin(), invocation.arguments.end(),
                     [](const Argument& argument) {
                       return argument.effect == FlagEffect::kPathsInOutput ||
                              argument.effect == FlagEffect::kUnknown || argument.flag == "-specs";
                     });
}

// clang searches as MSVC does where it is told to, or compiles for its platform.
bool SearchesIncludeStack(const GnuState& s) {
  if (!s.context.is_clang) return false;
  const auto names_windows = [](std::string_view target) {
    return StrContains(target, "windows") || StrContains(target, "win32") ||
           StrContains(target, "msvc");
  };
  const std::vector<Argument>& arguments = s.invocation.arguments;
  return names_windows(s.context.compiler_name) ||
         std::any_of(arguments.begin(), arguments.end(), [&](const Argument& argument) {
           return argument.flag.starts_with("-fms-compatibility") ||
                  (argument.effect == FlagEffect::kSearchRoot && names_windows(argument.value));
         });
}

}  // namespace

void SettleResult(GnuState* state) {
  SettlePurpose(state);
  SettleSource(state);
  SettleOutputs(state);
  SettleDependencies(state);
  if (state->invocation.refusal) return;
  SettleSearch(state);
  AddProfiles(state);
  RequireDistinctOutputs(state);
  state->invocation.searches_include_stack = SearchesIncludeStack(*state);
  state->invocation.cwd_reaches_output = WorkingDirectoryReachesOutput(state->invocation);
}

}  // namespace hpcc
