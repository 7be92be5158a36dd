#include "compiler/include_closure.h"

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/path.h"
#include "base/strings.h"
#include "compiler/include_resolver.h"

namespace hpcc {

namespace {

using State = Candidate::State;

// What gcc puts behind any header's name, and clang behind that of a forced include, to find its
// precompiled form.
constexpr std::string_view kPrecompiled = ".gch";
constexpr std::string_view kPrecompiledForced = ".pch";

// Compilers leave out a leading "./" when they print what they read.
std::string_view WithoutDot(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  return path;
}

class ConditionBuilder {
 public:
  ConditionBuilder(FileSystem& fs, const ClosureInput& input)
      : fs_(fs), input_(input), resolver_(fs, input) {
    for (const ClosureFile& file : input.files) {
      read_paths_.emplace(WithoutDot(file.path));
      read_sizes_.insert(file.stat.size);
    }
  }

  ClosureConditions Run() {
    IncludedByItself();
    ForcedIncludes();
    for (size_t i = 0; i < input_.files.size(); ++i) File(i);
    ComputedIncludes();
    if (pastes_has_include_ && condition_names_include_) needs_preprocessor_ = "__has_include";
    ClosureConditions result;
    result.needs_preprocessor = std::move(needs_preprocessor_);
    result.changed_meanwhile = resolver_.changed_meanwhile();
    result.more_files.assign(more_files_.begin(), more_files_.end());
    for (const auto& [path, exists] : conditions_) result.conditions.push_back({path, exists});
    std::sort(result.conditions.begin(), result.conditions.end());
    return result;
  }

 private:
  // gcc includes this before anything else.
  void IncludedByItself() {
    IncludeDirective directive;
    directive.angled = true;
    directive.name = "stdc-predef.h";
    Include(resolver_.Search(directive, ""));
  }

  // Looked up like a quoted include of a file in the working directory.
  void ForcedIncludes() {
    for (const ForcedInclude& forced : input_.invocation->forced_includes) {
      IncludeDirective directive;
      directive.name = forced.path;
      const std::vector<SearchStep> steps = resolver_.Search(directive, "");
      Include(steps);
      Precompiled(steps, kPrecompiled);
      Precompiled(steps, kPrecompiledForced);
    }
  }

  void File(size_t index) {
    const ClosureFile& file = input_.files[index];
    const std::string directory(path::Dirname(file.path));
    if (file.scanned->computed_has_include) needs_preprocessor_ = file.path;
    pastes_has_include_ |= file.scanned->pastes_has_include;
    condition_names_include_ |= file.scanned->condition_names_include;
    if (file.scanned->computed_include) computing_directories_.insert(directory);

    bool first = true;
    for (const IncludeDirective& directive : file.scanned->directives) {
      // What many files say is followed once; in front of a unit, precompiled headers matter too.
      const bool may_precompile = index == 0 || first;
      if (!IsNew(directive, directory) && !may_precompile) continue;
      // has_include_next starts where include_next would; asking from the first place on records
      // more absences, and the preprocessor decides where a file in between makes a difference.
      const std::vector<SearchStep> steps = resolver_.Search(directive, directory);
      if (directive.kind == IncludeDirective::Kind::kHasIncludeNext) {
        TestNext(directive, directory);
      } else if (directive.kind == IncludeDirective::Kind::kHasInclude) {
        Test(steps);
      } else {
        Include(steps);
        // A precompiled header is only used before the first token of a unit; those of the system
        // are looked for where the source names them.
        const bool from_system =
            !steps.empty() && steps.back().entry != nullptr && steps.back().entry->system;
        if (index == 0 || (first && !from_system)) Precompiled(steps, kPrecompiled);
        first = false;
      }
    }
  }

  bool IsNew(const IncludeDirective& directive, const std::string& directory) {
    return followed_
        .insert(StrCat(static_cast<int>(directive.kind), directive.angled ? "<" : "\"",
                       directive.name, "\n",
                       directive.angled && !directive.is_test() ? "" : directory))
        .second;
  }

  void Include(const std::vector<SearchStep>& steps) {
    // Ends at a file that was not read, or at none: the directive had no effect.
    if (steps.empty()) return;
    const SearchStep& last = steps.back();
    // What looks like a copy of a file that was read is passed over by #pragma once for as long as
    // it is one.
    const bool copy =
        last.candidate.state == State::kUnread && read_sizes_.contains(last.candidate.size);
    if (copy) more_files_.insert(last.path);
    if (last.candidate.state != State::kRead && !copy) return;
    for (const SearchStep& step : steps) {
      if (step.candidate.state == State::kMissing) Record(step.path, false);
      const bool other_name = step.candidate.state == State::kRead &&
                              !read_paths_.contains(std::string(WithoutDot(step.path)));
      if (other_name) more_files_.insert(step.path);
    }
  }

  void Test(const std::vector<SearchStep>& steps) {
    for (const SearchStep& step : steps) {
      Record(step.path, step.candidate.state != State::kMissing);
    }
  }

  // Every place is recorded as it is: wherever the search starts, its outcome is fixed by these.
  void TestNext(const IncludeDirective& directive, const std::string& directory) {
    Record(path::Join(directory, directive.name),
           resolver_.Look(path::Join(directory, directive.name)).state != State::kMissing);
    for (const SearchPathEntry& entry : input_.search) {
      const std::string place = path::Join(entry.directory, directive.name);
      Record(place, entry.exists && resolver_.Look(place).state != State::kMissing);
    }
  }

  void Precompiled(const std::vector<SearchStep>& steps, std::string_view suffix) {
    for (const SearchStep& step : steps) {
      const std::string place = StrCat(step.path, suffix);
      FileStat stat;
      const bool exists =
          fs_.Stat(path::Join(input_.cwd, place).c_str(), /*follow_symlinks=*/true, &stat) == 0;
      if (!exists) {
        Record(place, false);
      } else if (resolver_.Look(place).state != State::kRead) {
        // Lies there unused, or is a folder of several: the preprocessor decides each time.
        needs_preprocessor_ = place;
      }
    }
  }

  // A header named by a macro: every name under which a file that was read could have been found.
  void ComputedIncludes() {
    if (computing_directories_.empty()) return;
    RequireDirectoriesByTheirOwnNames();
    const std::vector<std::string> includers(computing_directories_.begin(),
                                             computing_directories_.end());
    std::set<std::string> directories(includers.begin(), includers.end());
    for (const SearchPathEntry& entry : input_.search) directories.insert(entry.directory);
    for (const ClosureFile& file : input_.files) {
      for (const std::string& directory : directories) {
        const std::string prefix = path::Join(directory, "x");
        const std::string_view stem =
            WithoutDot(std::string_view(prefix).substr(0, prefix.size() - 1));
        const std::string_view file_path = WithoutDot(file.path);
        if (!file_path.starts_with(stem) || file_path.size() == stem.size()) continue;
        Include(resolver_.SearchComputed(std::string(file_path.substr(stem.size())), includers));
      }
    }
  }

  // Below a directory reached through a symlink, the compiler may print what it reads by its real
  // path: which name it was found by can't be told then.
  void RequireDirectoriesByTheirOwnNames() {
    for (const SearchPathEntry& entry : input_.search) {
      if (!entry.exists) continue;
      const std::string spelled = path::Normalize(path::Join(input_.cwd, entry.directory));
      const absl::StatusOr<std::string> real = fs_.RealPath(spelled);
      if (real.ok() && *real != spelled) needs_preprocessor_ = entry.directory;
    }
  }

  void Record(const std::string& path, bool exists) { conditions_.emplace(path, exists); }

  FileSystem& fs_;
  const ClosureInput& input_;
  IncludeResolver resolver_;
  bool pastes_has_include_ = false;
  bool condition_names_include_ = false;
  std::set<std::string> read_paths_;
  std::set<uint64_t> read_sizes_;
  std::set<std::string> more_files_;
  absl::flat_hash_set<std::string> followed_;
  absl::flat_hash_map<std::string, bool> conditions_;
  std::set<std::string> computing_directories_;
  std::optional<std::string> needs_preprocessor_;
};

// Which headers are reached as user headers, as system headers, or possibly as both.
class UserHeaderClassifier {
 public:
  UserHeaderClassifier(FileSystem& fs, const ClosureInput& input)
      : input_(input), resolver_(fs, input), reached_(input.files.size()) {}

  std::vector<UserHeader> Run() {
    Reach(0, /*system=*/false);
    for (const ForcedInclude& forced : input_.invocation->forced_includes) {
      IncludeDirective directive;
      directive.name = forced.path;
      Follow(directive, "", /*from_system=*/false);
    }
    while (!pending_.empty()) {
      const auto [file, system] = pending_.back();
      pending_.pop_back();
      Expand(file, system);
    }
    std::vector<UserHeader> result;
    for (size_t i = 0; i < input_.files.size(); ++i) result.push_back(Verdict(i));
    return result;
  }

 private:
  struct Reached {
    bool as_user = false;
    bool as_system = false;
  };

  void Reach(size_t file, bool system) {
    bool& mark = system ? reached_[file].as_system : reached_[file].as_user;
    if (mark) return;
    mark = true;
    pending_.emplace_back(file, system);
  }

  void Expand(size_t index, bool system) {
    const ClosureFile& file = input_.files[index];
    const std::string directory(path::Dirname(file.path));
    if (file.scanned->computed_include) doubtful_ = true;
    for (const IncludeDirective& directive : file.scanned->directives) {
      if (directive.is_test()) continue;
      Follow(directive, directory, system);
      if (file.scanned->marks_system_header) Follow(directive, directory, /*from_system=*/true);
    }
  }

  void Follow(const IncludeDirective& directive, const std::string& directory, bool from_system) {
    for (const SearchStep& step : resolver_.Search(directive, directory)) {
      if (step.candidate.state != State::kRead) continue;
      const bool system = from_system || (step.entry != nullptr && step.entry->system);
      Reach(step.candidate.file, system);
    }
  }

  UserHeader Verdict(size_t index) const {
    if (index == 0) return UserHeader::kYes;
    const Reached& reached = reached_[index];
    if (reached.as_user && reached.as_system) return UserHeader::kUnknown;
    if (reached.as_system && !doubtful_) return UserHeader::kNo;
    if (reached.as_user && !doubtful_) return UserHeader::kYes;
    // Found by no directive: the compiler includes it by itself, or a macro names it.
    return !doubtful_ && BelowSystemDirectory(input_.files[index].path) ? UserHeader::kNo
                                                                        : UserHeader::kUnknown;
  }

  bool BelowSystemDirectory(const std::string& file) const {
    for (const SearchPathEntry& entry : input_.search) {
      if (entry.system && path::IsBelow(WithoutDot(file), WithoutDot(entry.directory))) return true;
    }
    return false;
  }

  const ClosureInput& input_;
  IncludeResolver resolver_;
  std::vector<Reached> reached_;
  std::vector<std::pair<size_t, bool>> pending_;
  bool doubtful_ = false;  // a macro names a header: it could be any
};

}  // namespace

ClosureConditions DeriveConditions(FileSystem& fs, const ClosureInput& input) {
  return ConditionBuilder(fs, input).Run();
}

std::vector<UserHeader> ClassifyUserHeaders(FileSystem& fs, const ClosureInput& input) {
  const bool system_directories =
      std::any_of(input.search.begin(), input.search.end(),
                  [](const SearchPathEntry& entry) { return entry.system; });
  const bool marks =
      std::any_of(input.files.begin(), input.files.end(),
                  [](const ClosureFile& file) { return file.scanned->marks_system_header; });
  // Nothing could make a header one of the system, as in kernels (-nostdinc).
  if (!system_directories && !marks) {
    return std::vector<UserHeader>(input.files.size(), UserHeader::kYes);
  }
  return UserHeaderClassifier(fs, input).Run();
}

}  // namespace hpcc
