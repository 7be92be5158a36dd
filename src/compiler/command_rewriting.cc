#include "compiler/command_rewriting.h"

#include "base/strings.h"
#include "compiler/dependency_file.h"

namespace hpcc {

namespace {

using Words = std::vector<std::string>;

// clang-cl takes clang's own flags behind a prefix.
void AddGnuFlag(const Invocation& invocation, const std::string& flag, const std::string& value,
                Words* words) {
  if (invocation.grammar == Grammar::kMsvc) {
    words->push_back(StrCat("/clang:", flag, value));
    return;
  }
  words->push_back(flag);
  if (!value.empty()) words->push_back(value);
}

void AddTargets(const Invocation& invocation, Words* words) {
  const DependencyRequest& request = invocation.dependencies;
  for (const DependencyRequest::Target& target : request.targets) {
    AddGnuFlag(invocation, target.quote ? "-MQ" : "-MT", target.text, words);
  }
  if (request.targets.empty()) AddGnuFlag(invocation, "-MQ", request.default_target, words);
}

// The user's words without those of the given effects; `added` goes in front, where a later "--"
// or a changed "-x" can't reach it.
Words WithoutEffects(const Invocation& invocation, Words added,
                     std::initializer_list<FlagEffect> dropped) {
  Words words = std::move(added);
  for (const Argument& argument : invocation.arguments) {
    bool drop = false;
    for (const FlagEffect effect : dropped) drop |= argument.effect == effect;
    if (!drop) words.insert(words.end(), argument.words.begin(), argument.words.end());
  }
  return words;
}

}  // namespace

bool HasPreprocessor(Language language) {
  switch (language) {
    case Language::kC:
    case Language::kCxx:
    case Language::kObjectiveC:
    case Language::kObjectiveCxx:
    case Language::kAssemblerWithCpp:
      return true;
    default:
      return false;
  }
}

std::vector<std::string> CompileCommand(const Invocation& invocation,
                                        const std::string& dependency_file,
                                        const std::vector<std::string>& prefix_maps) {
  Words added;
  for (const std::string& map : prefix_maps) {
    AddGnuFlag(invocation, StrCat("-ffile-prefix-map=", map), "", &added);
  }
  if (!HasPreprocessor(invocation.language)) return WithoutEffects(invocation, added, {});
  AddGnuFlag(invocation, "-MD", "", &added);
  AddGnuFlag(invocation, "-MF", dependency_file, &added);
  AddGnuFlag(invocation, "-MP", "", &added);
  AddTargets(invocation, &added);
  return WithoutEffects(invocation, std::move(added), {FlagEffect::kDependency});
}

namespace {

Words PreprocessAnd(Words added, const Invocation& invocation, const std::string& dependency_file) {
  AddGnuFlag(invocation, "-MD", "", &added);
  AddGnuFlag(invocation, "-MF", dependency_file, &added);
  AddGnuFlag(invocation, "-MP", "", &added);
  AddTargets(invocation, &added);
  return WithoutEffects(invocation, std::move(added),
                        {FlagEffect::kDependency, FlagEffect::kMode, FlagEffect::kOutput});
}

}  // namespace

std::vector<std::string> PreprocessCommand(const Invocation& invocation,
                                           const std::string& dependency_file) {
  Words added = {"-E"};
  AddGnuFlag(invocation, "-dD", "", &added);
  return PreprocessAnd(std::move(added), invocation, dependency_file);
}

std::vector<std::string> UnitTextCommand(const Invocation& invocation,
                                         const std::string& dependency_file) {
  // The working directory is the compile's own to name.
  return PreprocessAnd({"-E", "-fdirectives-only", "-fno-working-directory"}, invocation,
                       dependency_file);
}

std::vector<std::string> DateTimeCommand(const Invocation& invocation) {
  Words added = {"-E", "-Wdate-time"};
  AddGnuFlag(invocation, "-Wsystem-headers", "", &added);
  return WithoutEffects(
      invocation, std::move(added),
      {FlagEffect::kDependency, FlagEffect::kMode, FlagEffect::kOutput, FlagEffect::kWarning});
}

std::vector<std::string> DependencyCommand(const Invocation& invocation,
                                           const std::string& dependency_file) {
  const DependencyRequest& request = invocation.dependencies;
  Words added;
  AddGnuFlag(invocation, request.kind == DependencyRequest::Kind::kUserHeaders ? "-MM" : "-M", "",
             &added);
  AddGnuFlag(invocation, "-MF", dependency_file, &added);
  if (request.phony_targets) AddGnuFlag(invocation, "-MP", "", &added);
  AddTargets(invocation, &added);
  return WithoutEffects(invocation, std::move(added),
                        {FlagEffect::kDependency, FlagEffect::kMode, FlagEffect::kOutput});
}

std::vector<std::string> DependencyTargets(const Invocation& invocation) {
  std::vector<std::string> targets;
  for (const DependencyRequest::Target& target : invocation.dependencies.targets) {
    targets.push_back(target.quote ? EscapeDependencyTarget(target.text) : target.text);
  }
  if (targets.empty()) {
    targets.push_back(EscapeDependencyTarget(invocation.dependencies.default_target));
  }
  return targets;
}

}  // namespace hpcc
