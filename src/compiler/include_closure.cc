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

// What a directive asks for, wherever it stands. The views are of the closure's.
struct Question {
  IncludeDirective::Kind kind;
  bool angled;
  std::string_view name;
  std::string_view directory;  // of the including file, where it matters

  static Question Of(const IncludeDirective& directive, std::string_view directory) {
    const bool anywhere = directive.angled && !directive.is_test();
    return {directive.kind, directive.angled, directive.name, anywhere ? "" : directory};
  }

  friend bool operator==(const Question&, const Question&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Question& question) {
    return H::combine(std::move(state), question.kind, question.angled, question.name,
                      question.directory);
  }
};

class ConditionBuilder {
 public:
  ConditionBuilder(FileSystem& fs, const ClosureInput& input)
      : fs_(fs), input_(input), resolver_(fs, input) {
    for (const ClosureFile& file : input.files) read_sizes_.insert(file.stat.size);
    answered_.reserve(4 * input.files.size());
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
    TakeConditions(&result.conditions);
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
      const std::vector<SearchStep>& steps = resolver_.Search(directive, "");
      Include(steps);
      Precompiled(steps, kPrecompiled);
      Precompiled(steps, kPrecompiledForced);
    }
  }

  void File(size_t index) {
    const ClosureFile& file = input_.files[index];
    const std::string_view directory = path::Dirname(file.path);
    if (file.scanned->computed_has_include) needs_preprocessor_ = file.path;
    pastes_has_include_ |= file.scanned->pastes_has_include;
    condition_names_include_ |= file.scanned->condition_names_include;
    if (file.scanned->computed_include) computing_directories_.insert(directory);

    bool first = true;
    for (const IncludeDirective& directive : file.scanned->directives) {
      // A precompiled header is only used before the first token of a unit.
      Answer(directive, directory, index == 0, first && !directive.is_test());
      first &= directive.is_test();
    }
  }

  // What many files say is followed once; where a precompiled header could be used, once more.
  void Answer(const IncludeDirective& directive, std::string_view directory, bool in_source,
              bool first) {
    Answered& answered = answered_[Question::Of(directive, directory)];
    const bool may_precompile = !directive.is_test() && (in_source || first);
    if (answered.followed && (answered.precompiled || !may_precompile)) return;
    // has_include_next starts where include_next would; asking from the first place on records
    // more absences, and the preprocessor decides where a file in between makes a difference.
    const std::vector<SearchStep>& steps = resolver_.Search(directive, directory);
    if (directive.kind == IncludeDirective::Kind::kHasIncludeNext) {
      TestNext(directive, directory);
    } else if (directive.kind == IncludeDirective::Kind::kHasInclude) {
      Test(steps);
    } else {
      Include(steps);
    }
    answered.followed = true;
    if (!may_precompile) return;
    answered.precompiled = true;  // what the source asks comes first, so this says all
    // Those of the system are looked for where the source names them.
    const bool from_system =
        !steps.empty() && steps.back().entry != nullptr && steps.back().entry->system;
    if (in_source || !from_system) Precompiled(steps, kPrecompiled);
  }

  void Include(const std::vector<SearchStep>& steps) {
    // Ends at a file that was not read, or at none: the directive had no effect.
    if (steps.empty()) return;
    const SearchStep& last = steps.back();
    // What looks like a copy of a file that was read is passed over by #pragma once for as long as
    // it is one.
    const bool copy =
        last.candidate().state == State::kUnread && read_sizes_.contains(last.candidate().size);
    if (copy) more_files_.insert(last.place->path);
    if (last.candidate().state != State::kRead && !copy) return;
    for (const SearchStep& step : steps) {
      if (step.candidate().state == State::kMissing) Record(*step.place, false);
      const bool other_name = step.candidate().state == State::kRead && !step.place->names_closure;
      if (other_name) more_files_.insert(step.place->path);
    }
  }

  void Test(const std::vector<SearchStep>& steps) {
    for (const SearchStep& step : steps) Record(*step.place, step.candidate().is_file());
  }

  // Every place is recorded as it is: wherever the search starts, its outcome is fixed by these.
  void TestNext(const IncludeDirective& directive, std::string_view directory) {
    Place& beside = resolver_.PlaceOf(directory, directive.name);
    Record(beside, resolver_.Look(beside).is_file());
    for (const SearchPathEntry& entry : input_.search) {
      Place& place = resolver_.PlaceOf(entry.directory, directive.name);
      Record(place, entry.exists && resolver_.Look(place).is_file());
    }
  }

  void Precompiled(const std::vector<SearchStep>& steps, std::string_view suffix) {
    for (const SearchStep& step : steps) {
      Place& place = resolver_.PlaceOf(StrCat(step.place->path, suffix));
      uint8_t& mark = MarkOf(place);
      if ((mark & kLookedAtAsPrecompiled) != 0) continue;
      mark |= kLookedAtAsPrecompiled;
      FileStat stat;
      const bool exists = fs_.Stat(path::Join(input_.cwd, place.path).c_str(),
                                   /*follow_symlinks=*/true, &stat) == 0;
      if (!exists) {
        Record(place, false);
      } else if (resolver_.Look(place).state != State::kRead) {
        // Lies there unused, or is a folder of several: the preprocessor decides each time.
        needs_preprocessor_ = place.path;
      }
    }
  }

  // A header named by a macro: every name under which a file that was read could have been found.
  void ComputedIncludes() {
    if (computing_directories_.empty()) return;
    RequireDirectoriesByTheirOwnNames();
    const std::vector<std::string_view> includers(computing_directories_.begin(),
                                                  computing_directories_.end());
    for (const std::string& stem : Stems(includers)) {
      for (const ClosureFile& file : input_.files) {
        const std::string_view file_path = path::WithoutDot(file.path);
        if (!file_path.starts_with(stem) || file_path.size() == stem.size()) continue;
        Include(resolver_.SearchComputed(file_path.substr(stem.size()), includers));
      }
    }
  }

  // What can stand in front of a name: each directory of `includers` and of the search path with
  // what separates it from a name.
  std::set<std::string> Stems(const std::vector<std::string_view>& includers) const {
    std::set<std::string> stems;
    const auto add = [&stems](std::string_view directory) {
      std::string prefix = path::Join(directory, "x");
      prefix.pop_back();
      stems.emplace(path::WithoutDot(prefix));
    };
    for (const std::string_view directory : includers) add(directory);
    for (const SearchPathEntry& entry : input_.search) add(entry.directory);
    return stems;
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

  uint8_t& MarkOf(const Place& place) {
    marks_.resize(std::max(marks_.size(), resolver_.places()));
    return marks_[place.number];
  }

  void Record(Place& place, bool exists) {
    uint8_t& mark = MarkOf(place);
    if ((mark & kRecorded) == 0) recorded_.push_back({&place, exists});
    mark |= kRecorded;
  }

  void TakeConditions(std::vector<PathCondition>* conditions) {
    std::sort(recorded_.begin(), recorded_.end(),
              [](const Recorded& a, const Recorded& b) { return a.place->path < b.place->path; });
    conditions->reserve(recorded_.size());
    for (const Recorded& recorded : recorded_) {
      conditions->push_back({std::move(recorded.place->path), recorded.exists});
    }
  }

  // Of a place.
  static constexpr uint8_t kRecorded = 1;
  static constexpr uint8_t kLookedAtAsPrecompiled = 2;

  struct Answered {
    bool followed = false;
    bool precompiled = false;
  };
  struct Recorded {
    Place* place;
    bool exists;
  };

  FileSystem& fs_;
  const ClosureInput& input_;
  IncludeResolver resolver_;
  bool pastes_has_include_ = false;
  bool condition_names_include_ = false;
  absl::flat_hash_set<uint64_t> read_sizes_;
  std::set<std::string> more_files_;
  absl::flat_hash_map<Question, Answered> answered_;
  std::vector<uint8_t> marks_;  // by the numbers of places
  std::vector<Recorded> recorded_;
  std::set<std::string_view> computing_directories_;
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
      Follow(ReachedBy(resolver_.Search(directive, "")), /*from_system=*/false);
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
  // What a directive may include.
  struct Target {
    size_t file;
    bool system;  // found in a directory of the system
  };

  void Reach(size_t file, bool system) {
    bool& mark = system ? reached_[file].as_system : reached_[file].as_user;
    if (mark) return;
    mark = true;
    pending_.emplace_back(file, system);
  }

  void Expand(size_t index, bool system) {
    const ClosureFile& file = input_.files[index];
    const std::string_view directory = path::Dirname(file.path);
    if (file.scanned->computed_include) doubtful_ = true;
    for (const IncludeDirective& directive : file.scanned->directives) {
      if (directive.is_test()) continue;
      const auto [known, is_new] = targets_.try_emplace(Question::Of(directive, directory));
      if (is_new) known->second = ReachedBy(resolver_.Search(directive, directory));
      Follow(known->second, system);
      if (file.scanned->marks_system_header) Follow(known->second, /*from_system=*/true);
    }
  }

  static std::vector<Target> ReachedBy(const std::vector<SearchStep>& steps) {
    std::vector<Target> targets;
    for (const SearchStep& step : steps) {
      if (step.candidate().state != State::kRead) continue;
      targets.push_back({step.candidate().file, step.entry != nullptr && step.entry->system});
    }
    return targets;
  }

  void Follow(const std::vector<Target>& targets, bool from_system) {
    for (const Target& target : targets) Reach(target.file, from_system || target.system);
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
      if (entry.system && path::IsBelow(path::WithoutDot(file), path::WithoutDot(entry.directory)))
        return true;
    }
    return false;
  }

  const ClosureInput& input_;
  IncludeResolver resolver_;
  std::vector<Reached> reached_;
  std::vector<std::pair<size_t, bool>> pending_;
  absl::flat_hash_map<Question, std::vector<Target>> targets_;
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
