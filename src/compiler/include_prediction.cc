#include "compiler/include_prediction.h"

#include <algorithm>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/embedded_files.h"

namespace hpcc {

namespace {

constexpr std::string_view kImplicitHeader = "stdc-predef.h";  // gcc includes it by itself

bool IsAssembler(const Invocation& invocation) {
  return invocation.language == Language::kAssembler ||
         invocation.language == Language::kAssemblerWithCpp;
}

bool HasIncludes(const Invocation& invocation) {
  return invocation.language != Language::kAssembler &&
         invocation.language != Language::kPreprocessedC &&
         invocation.language != Language::kPreprocessedCxx;
}

// What is asked for from the flags: __has_include in a -D.
bool FlagsAsk(const Invocation& invocation) {
  return std::any_of(
      invocation.arguments.begin(), invocation.arguments.end(), [](const Argument& argument) {
        return argument.effect == FlagEffect::kDefine && StrContains(argument.value, "__has_");
      });
}

}  // namespace

IncludePredictor::IncludePredictor(FileSystem& fs, SourceReader& reader,
                                   const PredictionInput& input)
    : fs_(fs),
      reader_(reader),
      input_(input),
      assembler_(IsAssembler(*input.invocation)),
      tracer_(fs) {}

void IncludePredictor::Doubt(std::string why) {
  if (!prediction_.doubt) prediction_.doubt = std::move(why);
}

void IncludePredictor::Run() {
  const Invocation& invocation = *input_.invocation;
  Keep(tracer_.Trace(input_.cwd));
  for (const SearchPathEntry& entry : input_.search) {
    const TracedPath traced = tracer_.Trace(path::Join(input_.cwd, entry.directory));
    NoteLeaving(path::Join(input_.cwd, entry.directory), traced);
    if (!traced.exists || !traced.stat.is_directory()) continue;
    Keep(traced);
    search_.push_back({traced.real, entry.quote_only, entry.system});
  }
  if (input_.read != nullptr) {
    for (const std::string& name : *input_.read) {
      read_.insert(tracer_.Trace(path::Join(input_.cwd, name)).real);
    }
  }
  const bool expand = HasIncludes(invocation) || assembler_;
  if (!Take(path::Join(input_.cwd, invocation.source), expand)) {
    return Doubt("the source is not there");
  }
  if (!expand && !scanned_.empty() && scanned_.front()->embeds_files) {
    return Doubt("it embeds files");
  }
  if (!HasIncludes(invocation)) return FollowAll();
  if (FlagsAsk(invocation)) return Doubt("__has_include in a flag");
  Search({.angled = true, .name = std::string(kImplicitHeader)}, "", false);
  const std::string cwd = tracer_.Trace(input_.cwd).real;
  for (const ForcedInclude& forced : invocation.forced_includes) {
    const Found found = Search({.name = forced.path}, cwd, true);
    if (!found.any) return Doubt(StrCat(forced.path, " is not there"));
    CheckPrecompiled(path::Join(cwd, forced.path), /*forced=*/true);
  }
  FollowAll();
}

void IncludePredictor::AddNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!Take(path::Join(input_.cwd, name), /*expand=*/true)) Doubt(StrCat(name, " is not there"));
  }
  FollowAll();
}

bool IncludePredictor::IsPassedOver(const std::string& place) {
  if (input_.read == nullptr) return false;
  const TracedPath traced = tracer_.Trace(place);
  return traced.is_file() && !read_.contains(traced.real);
}

void IncludePredictor::FollowAll() {
  while (!prediction_.doubt && !pending_.empty()) {
    const Named named = std::move(pending_.front());
    pending_.pop_front();
    Follow(named);
    if (pending_.empty()) LookAgain();
  }
  if (pastes_has_include_ && condition_names_include_) Doubt("a macro makes __has_include");
  CheckCopies();
}

void IncludePredictor::Follow(const Named& named) {
  // Of its own: following adds files.
  const std::shared_ptr<const ScannedText> scanned = scanned_[named.file];
  bool first = true;
  for (const IncludeDirective& directive : scanned->directives) {
    const bool beside = !directive.angled || directive.is_test();
    const bool may_be_precompiled = named.file == 0 || first;
    const bool is_new =
        followed_
            .insert(StrCat(static_cast<int>(directive.kind), directive.angled ? "<" : "\"",
                           directive.name, "\n", beside ? named.directory : ""))
            .second;
    if (!is_new && !may_be_precompiled) continue;
    const Found found = Search(directive, named.directory, may_be_precompiled);
    if (!directive.is_test()) first = first && found.in_system_directory;
  }
}

// Every place is looked at where it isn't known from which one the search starts.
IncludePredictor::Found IncludePredictor::Search(const IncludeDirective& directive,
                                                 const std::string& directory,
                                                 bool may_be_precompiled) {
  using Kind = IncludeDirective::Kind;
  const bool all = directive.kind == Kind::kIncludeNext || directive.kind == Kind::kHasIncludeNext;
  Found found;
  std::vector<std::string> places;
  const auto look = [&](std::string place, bool system) {
    if (!directive.is_test() && IsPassedOver(place)) return !all;
    if (may_be_precompiled && !system) CheckPrecompiled(place, /*forced=*/false);
    if (Take(place, /*expand=*/!directive.is_test())) {
      found.in_system_directory = system && (!found.any || found.in_system_directory);
      found.any = true;
    } else {
      places.push_back(std::move(place));
    }
    return found.any && !all;
  };
  if (path::IsAbsolute(directive.name)) {
    look(directive.name, false);
  } else {
    bool done = !directive.angled && look(path::Join(directory, directive.name), false);
    for (const Directory& entry : search_) {
      if (done) break;
      if (entry.quote_only && directive.angled) continue;
      done = look(path::Join(entry.real, directive.name), entry.system);
    }
  }
  if (found.any || !directive.is_test()) return found;
  for (const std::string& place : places) {
    const TracedPath traced = tracer_.Trace(place);
    if (!traced.exists && !traced.real.empty()) prediction_.absences.insert(traced.real);
  }
  return found;
}

// Whether there is a file.
bool IncludePredictor::Take(const std::string& place, bool expand) {
  const TracedPath traced = tracer_.Trace(place);
  if (!traced.is_file()) return false;
  if (traced.stat.type != FileStat::Type::kRegular) {
    Doubt(StrCat(place, " is no ordinary file"));
    return true;
  }
  NoteLeaving(place, traced);
  Keep(traced);
  const std::optional<size_t> file = AddFile(traced);
  if (!file || !expand) return true;
  const std::string& directory = tracer_.TraceDirectory(std::string(path::Dirname(place))).real;
  if (named_.insert(StrCat(directory, "\n", path::Basename(place))).second) {
    NoteText(prediction_.files[*file], *scanned_[*file]);
    pending_.push_back({directory, *file});
  }
  return true;
}

std::optional<size_t> IncludePredictor::AddFile(const TracedPath& traced) {
  const auto known = file_by_path_.find(traced.real);
  if (known != file_by_path_.end()) return known->second;
  if (prediction_.files.size() >= kMaxPredictedFiles) {
    Doubt("too many files");
    return std::nullopt;
  }
  absl::StatusOr<SourceReader::Facts> facts = reader_.Look(traced.real, traced.stat);
  if (!facts.ok()) {
    Doubt(std::string(facts.status().message()));
    return std::nullopt;
  }
  const size_t index = prediction_.files.size();
  prediction_.files.push_back({traced.real, traced.stat, facts->digest});
  scanned_.push_back(std::move(facts->scanned));
  file_by_path_.emplace(traced.real, index);
  return index;
}

void IncludePredictor::Keep(const TracedPath& traced) {
  for (const TracedLink& link : traced.links) prediction_.links.insert(link);
  for (const std::string& directory : traced.directories) {
    prediction_.directories.insert(directory);
  }
  if (traced.exists && traced.stat.is_directory()) prediction_.directories.insert(traced.real);
}

void IncludePredictor::NoteText(const PredictedFile& file, const ScannedText& scanned) {
  if (scanned.computed_has_include) Doubt(StrCat(file.path, ": __has_include of a macro"));
  if (scanned.depends_on_stamps) Doubt(StrCat(file.path, ": compares the times of files"));
  if (scanned.embeds_files && !assembler_) Doubt(StrCat(file.path, ": embeds files"));
  if (scanned.embeds_files && assembler_) FollowEmbedded(file);
  prediction_.asks_for_computed_names |= scanned.computed_include;
  pastes_has_include_ |= scanned.pastes_has_include;
  condition_names_include_ |= scanned.condition_names_include;
  aliases_.insert(scanned.has_include_aliases.begin(), scanned.has_include_aliases.end());
}

// A name that climbs over the root leads elsewhere once the root lies somewhere else.
void IncludePredictor::NoteLeaving(const std::string& place, const TracedPath& traced) {
  if (input_.root.empty()) return;
  const bool climbs =
      path::IsBelow(place, input_.root) && !path::IsBelow(path::Normalize(place), input_.root);
  if (climbs) prediction_.leaves_root = true;
  for (const TracedLink& link : traced.links) {
    const bool inside = path::IsBelow(link.path, input_.root);
    if (!inside || path::IsAbsolute(link.target)) continue;
    const std::string target = path::Normalize(path::Join(path::Dirname(link.path), link.target));
    if (!path::IsBelow(target, input_.root)) prediction_.leaves_root = true;
  }
}

// gcc takes these for any header in front of a unit, clang for forced ones.
void IncludePredictor::CheckPrecompiled(const std::string& place, bool forced) {
  FileStat stat;
  for (const std::string_view suffix : {".gch", ".pch"}) {
    if (suffix == ".pch" && !forced) continue;
    const std::string name = StrCat(place, suffix);
    if (fs_.Stat(name.c_str(), /*follow_symlinks=*/true, &stat) == 0) {
      Doubt(StrCat(name, ": a precompiled header"));
    }
  }
}

void IncludePredictor::FollowEmbedded(const PredictedFile& file) {
  const std::string path = file.path;  // files may move
  const absl::StatusOr<std::string> text = reader_.Text(path);
  const std::optional<std::vector<EmbeddedFile>> embedded =
      text.ok() ? FindEmbeddedFiles(*text) : std::nullopt;
  if (!embedded || embedded->empty()) return Doubt(StrCat(path, ": embeds files by a macro"));
  for (const EmbeddedFile& name : *embedded) {
    std::vector<std::string> directories = AssemblerSearchDirectories(*input_.invocation);
    directories.insert(directories.begin(), ".");
    bool found = false;
    for (const std::string& directory : directories) {
      const std::string place = path::Join(path::Join(input_.cwd, directory), name.name);
      found |= Take(place, /*expand=*/name.is_source);
    }
    if (!found) Doubt(StrCat(path, ": ", name.name, " is not there"));
  }
}

// What only shows when the unit is known as far as it goes. May add to what is pending.
void IncludePredictor::LookAgain() {
  if (prediction_.doubt || aliases_.empty()) return;
  const std::vector<std::string> aliases(aliases_.begin(), aliases_.end());
  for (size_t i = 0; i < prediction_.files.size(); ++i) {
    const std::string path = prediction_.files[i].path;
    const absl::StatusOr<std::string> text = reader_.Text(path);
    if (!text.ok()) return Doubt(std::string(text.status().message()));
    ScannedText scanned;
    ScanForAliases(*text, aliases, &scanned);
    if (scanned.computed_has_include) return Doubt(StrCat(path, ": __has_include of a macro"));
    const std::string directory(path::Dirname(path));
    for (const IncludeDirective& directive : scanned.directives) {
      const bool is_new =
          followed_
              .insert(StrCat(static_cast<int>(directive.kind), directive.angled ? "<" : "\"",
                             directive.name, "\n", directory))
              .second;
      if (is_new) Search(directive, directory, false);
    }
  }
}

// Compilers that read a file only once tell copies by their times, which are not sent.
void IncludePredictor::CheckCopies() {
  const bool once_only =
      std::any_of(scanned_.begin(), scanned_.end(),
                  [](const std::shared_ptr<const ScannedText>& text) { return text->once_only; });
  if (!once_only) return;
  absl::flat_hash_map<Digest, size_t> seen;
  for (size_t i = 0; i < prediction_.files.size(); ++i) {
    const auto [first, is_new] = seen.emplace(prediction_.files[i].digest, i);
    if (is_new || prediction_.files[i].stat.size == 0) continue;
    if (scanned_[i]->once_only || scanned_[first->second]->once_only) {
      Doubt(
          StrCat(prediction_.files[i].path, ": a copy of ", prediction_.files[first->second].path));
    }
  }
}

}  // namespace hpcc
