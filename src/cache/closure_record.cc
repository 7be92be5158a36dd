#include "cache/closure_record.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "absl/container/flat_hash_set.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/text_map.h"
#include "compiler/hidden_inputs.h"
#include "compiler/search_path.h"

namespace hpcc {

namespace {

NotCacheable ChangedDuringCompile(const std::string& path) {
  return {NotCacheableReason::kChangedDuringCompile, path};
}

class Recorder {
 public:
  Recorder(FileSystem& fs, Clock& clock, const Unit& unit, int64_t started_ns, FileMemo* memo)
      : fs_(fs), clock_(clock), unit_(unit), started_ns_(started_ns), memo_(memo) {
    input_.invocation = unit.request.invocation;
    input_.cwd = unit.request.cwd;
    input_.compile_started_ns = started_ns;
  }

  ClosureResult Run(const std::vector<std::string>& paths) {
    now_ns_ = clock_.FileStampNanoseconds();
    ScanFlags();
    result_.files.reserve(paths.size() + 1);
    input_.files.reserve(paths.size() + 1);
    seen_.reserve(paths.size() + 1);
    AddFile(unit_.request.invocation->source);
    for (const std::string& path : paths) {
      if (result_.refusal) return std::move(result_);
      AddFile(path);
    }
    if (!result_.refusal) AddConditions();
    return std::move(result_);
  }

 private:
  // Macros of the command line are text like any other.
  void ScanFlags() {
    std::string text;
    for (const Argument& argument : input_.invocation->arguments) {
      if (argument.effect != FlagEffect::kDefine || argument.flag != "-D") continue;
      const size_t equals = argument.value.find('=');
      StrAppend(&text, "#define ", argument.value.substr(0, equals), " ",
                equals == std::string::npos ? "1" : argument.value.substr(equals + 1), "\n");
    }
    if (!text.empty()) flags_ = ScanForIncludes(text, /*assembler=*/false);
    Note(flags_, "-D");
  }

  // What a scanned text says about the unit as a whole.
  void Note(const ScannedText& scanned, const std::string& where) {
    if (scanned.embeds_files) {
      result_.refusal = NotCacheable{NotCacheableReason::kEmbedsFiles, where};
    } else if (scanned.depends_on_stamps) {
      result_.refusal = NotCacheable{NotCacheableReason::kClosureUnknown, where};
    }
    result_.names_date_or_time |= scanned.names_date_or_time;
    pastes_reserved_names_ |= scanned.pastes_reserved_names;
    once_only_ |= scanned.once_only;
    aliases_.insert(scanned.has_include_aliases.begin(), scanned.has_include_aliases.end());
  }

  // Made since the compile started: what it led to before can't be told.
  bool IsNewLink(const FileStat& stat) const {
    return stat.type == FileStat::Type::kSymlink && stat.changed_ns >= started_ns_;
  }

  // A symlink that was, on the way to something in `directory`.
  bool RelinkedMeanwhile(std::string_view directory) {
    while (!directory.empty() && directory != "/") {
      if (walked_.contains(directory)) return false;
      const std::string& name = *walked_.emplace(directory).first;
      FileStat stat;
      if (fs_.Stat(name.c_str(), /*follow_symlinks=*/false, &stat) == 0 && IsNewLink(stat)) {
        return true;
      }
      directory = path::Dirname(directory);
    }
    return false;
  }

  void AddFile(const std::string& path) {
    // "./a.h" and "a.h" are one file under one name.
    if (!seen_.insert(path::WithoutDot(path)).second) return;
    const std::string resolved = path::Join(unit_.request.cwd, path);
    // Another process, such as the daemon, finds something else there.
    if (path::IsPerProcess(resolved)) {
      result_.refusal = NotCacheable{NotCacheableReason::kClosureUnknown, path};
      return;
    }
    // What isn't a link is looked at once for both, the file and whether it was linked anew.
    FileStat own;
    const bool is_there = fs_.Stat(resolved.c_str(), /*follow_symlinks=*/false, &own) == 0;
    FileStat stat;
    const std::optional<FileFacts> facts =
        FactsOf(resolved, is_there && own.type != FileStat::Type::kSymlink ? &own : nullptr, &stat);
    if (!facts) {
      result_.refusal = NotCacheable{NotCacheableReason::kClosureUnknown, path};
      return;
    }
    if (stat.changed_ns >= started_ns_ || (is_there && IsNewLink(own)) ||
        RelinkedMeanwhile(path::Dirname(resolved))) {
      result_.refusal = ChangedDuringCompile(path);
      return;
    }
    Note(*facts->scanned, path);
    Record(path, stat, facts->digest);
    input_.files.push_back({path, stat, facts->scanned});
  }

  void Record(const std::string& path, const FileStat& stat, const Digest& digest) {
    const FileStamp stamp = FileStamp::Of(stat);
    result_.files.push_back({.path = unit_.root.ToPortable(path),
                             .digest = digest,
                             .trusted = IsSettled(stamp, now_ns_),
                             .stamp = stamp});
  }

  // Of a file as it is now; nothing when it can't be read. `known` is what a look at it told just
  // now, or null.
  std::optional<FileFacts> FactsOf(const std::string& resolved, const FileStat* known,
                                   FileStat* stat) {
    const Language language = unit_.request.invocation->language;
    const bool assembler =
        language == Language::kAssembler || language == Language::kAssemblerWithCpp;
    // Assembly is scanned otherwise, and what is remembered is not that.
    FileMemo* memo = assembler ? nullptr : memo_;
    if (known != nullptr) *stat = *known;
    if (memo != nullptr &&
        (known != nullptr || fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, stat) == 0)) {
      std::optional<FileFacts> remembered = memo->Find(FileStamp::Of(*stat));
      if (remembered && remembered->scanned != nullptr) return remembered;
    }
    const int64_t now_ns = clock_.FileStampNanoseconds();
    const absl::StatusOr<std::string> text = ReadFileAndStat(fs_, resolved, kMaxSourceBytes, stat);
    if (!text.ok()) return std::nullopt;
    const FileFacts facts{Digest::Of(*text),
                          std::make_shared<const ScannedText>(ScanForIncludes(*text, assembler))};
    if (memo != nullptr) memo->Remember(FileStamp::Of(*stat), facts, now_ns);
    return facts;
  }

  // What only shows when the whole unit is known.
  void ScanAgain() {
    ScannedText source = *input_.files.front().scanned;
    source.directives.insert(source.directives.end(), flags_.directives.begin(),
                             flags_.directives.end());
    source.computed_has_include |= flags_.computed_has_include;
    input_.files.front().scanned = std::make_shared<const ScannedText>(std::move(source));
    if (aliases_.empty() && !pastes_reserved_names_) return;
    const std::vector<std::string> aliases(aliases_.begin(), aliases_.end());
    for (size_t i = 0; i < input_.files.size(); ++i)
      ScanAgain(aliases, result_.files[i], &input_.files[i]);
  }

  void ScanAgain(const std::vector<std::string>& aliases, const RecordedFile& recorded,
                 ClosureFile* file) {
    const absl::StatusOr<std::string> text =
        ReadFile(fs_, path::Join(unit_.request.cwd, file->path), kMaxSourceBytes);
    if (!text.ok() || Digest::Of(*text) != recorded.digest) {
      result_.refusal = ChangedDuringCompile(file->path);
      return;
    }
    if (!aliases.empty()) {
      ScannedText scanned = *file->scanned;
      ScanForAliases(*text, aliases, &scanned);
      file->scanned = std::make_shared<const ScannedText>(std::move(scanned));
    }
    if (pastes_reserved_names_) result_.names_date_or_time |= NamesDateOrTimeToPaste(*text);
  }

  // Files that count as read although the compiler does not name them, by these names at least.
  void AddMoreFiles(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      FileStat stat;
      const std::optional<FileFacts> facts =
          FactsOf(path::Join(unit_.request.cwd, path), /*known=*/nullptr, &stat);
      if (!facts) {
        result_.refusal = NotCacheable{NotCacheableReason::kClosureUnknown, path};
        return;
      }
      Record(path, stat, facts->digest);
    }
  }

  void MarkCopies() {
    std::map<Digest, size_t> count;
    for (const RecordedFile& file : result_.files) ++count[file.digest];
    for (RecordedFile& file : result_.files) file.same_time = count[file.digest] > 1;
  }

  void AddPlaces() {
    const absl::StatusOr<std::string> base = fs_.RealPath(input_.cwd);
    if (!base.ok()) return;
    for (const std::string& directory :
         UserSearchDirectories(*unit_.request.environment, *input_.invocation)) {
      const absl::StatusOr<std::string> real = fs_.RealPath(path::Join(*base, directory));
      if (!real.ok() || *real == path::Normalize(path::Join(*base, directory))) continue;
      result_.places.push_back({unit_.root.ToPortable(directory), unit_.root.ToPortable(*real)});
    }
  }

  void AddConditions() {
    if (result_.files.front().digest != unit_.source_digest) {
      result_.refusal = ChangedDuringCompile(unit_.request.invocation->source);
      return;
    }
    ScanAgain();
    if (result_.refusal) return;
    input_.search =
        BuildSearchPath(fs_, input_.cwd, *unit_.request.environment, *unit_.request.invocation,
                        unit_.request.toolchain->built_in_search);
    ClosureConditions conditions = DeriveConditions(fs_, input_);
    if (conditions.changed_meanwhile) {
      result_.refusal = ChangedDuringCompile(*conditions.changed_meanwhile);
      return;
    }
    for (const PathCondition& condition : conditions.conditions) {
      if (!path::IsPerProcess(condition.path)) continue;
      result_.refusal = NotCacheable{NotCacheableReason::kClosureUnknown, condition.path};
      return;
    }
    result_.needs_preprocessor = std::move(conditions.needs_preprocessor);
    result_.directories = GroupConditions(fs_, input_.cwd, conditions.conditions, now_ns_);
    for (RecordedDirectory& directory : result_.directories) {
      directory.path = unit_.root.ToPortable(directory.path);
    }
    result_.user_headers = ClassifyUserHeaders(fs_, input_);
    AddPlaces();
    AddMoreFiles(conditions.more_files);
    if (once_only_) MarkCopies();
  }

  FileSystem& fs_;
  Clock& clock_;
  const Unit& unit_;
  int64_t started_ns_;
  FileMemo* memo_;  // may be null
  int64_t now_ns_ = 0;
  absl::flat_hash_set<std::string_view> seen_;  // of the paths given to Run()
  TextSet walked_;
  ScannedText flags_;
  bool pastes_reserved_names_ = false;
  bool once_only_ = false;
  std::set<std::string> aliases_;
  ClosureInput input_;
  ClosureResult result_;
};

// Finds, for paths, the deepest directory on the way that exists.
class DirectoryFinder {
 public:
  DirectoryFinder(FileSystem& fs, const std::string& cwd) : fs_(fs), cwd_(cwd) {}

  struct Found {
    std::string path;      // "" for the working directory
    std::string resolved;  // with a slash at its end
    FileStamp stamp;
    RecordedDirectory* group = nullptr;  // for the caller
  };

  // Starting from `directory`, which may be "" for the working directory. What is found lives as
  // long as the finder.
  Found& DeepestExisting(std::string_view directory) {
    const auto known = found_.find(directory);
    if (known != found_.end()) return *known->second;
    FileStat stat;
    std::string resolved = path::Join(cwd_, directory.empty() ? "." : directory);
    Found* found = nullptr;
    if (fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, &stat) == 0 && stat.is_directory()) {
      if (!resolved.ends_with('/')) resolved += '/';
      found = &all_.emplace_back(
          Found{std::string(directory), std::move(resolved), FileStamp::Of(stat)});
    } else if (!directory.empty() && directory != "/") {
      found = &DeepestExisting(path::Dirname(directory));
    } else {
      found = &all_.emplace_back(Found{.path = "", .resolved = path::Join(cwd_, "./")});
    }
    found_.emplace(directory, found);
    return *found;
  }

 private:
  FileSystem& fs_;
  const std::string& cwd_;
  std::deque<Found> all_;
  TextMap<Found*> found_;
};

// Tells whether a directory's stamp changes before the truth of a name in it can: not when a
// symlink or a directory of that name decides.
class Vouching {
 public:
  explicit Vouching(FileSystem& fs) : fs_(fs) {}

  // `directory` ends with a slash.
  bool Vouches(const std::string& directory, const RecordedName& name) {
    const size_t end = std::min(name.name.find('/'), name.name.size());
    place_.assign(directory).append(name.name, 0, end);
    const bool whole = end == name.name.size();
    const std::optional<FileStat::Type> type = whole ? TypeOfPlace() : KnownTypeOfPlace();
    if (!name.exists) return !type.has_value();
    return type == FileStat::Type::kRegular && whole;
  }

 private:
  std::optional<FileStat::Type> TypeOfPlace() const {
    FileStat stat;
    if (fs_.Stat(place_.c_str(), /*follow_symlinks=*/false, &stat) != 0) return std::nullopt;
    return stat.type;
  }

  // Many names start with the same few directories.
  std::optional<FileStat::Type> KnownTypeOfPlace() {
    const auto known = types_.find(place_);
    if (known != types_.end()) return known->second;
    return types_.emplace(place_, TypeOfPlace()).first->second;
  }

  FileSystem& fs_;
  std::string place_;
  TextMap<std::optional<FileStat::Type>> types_;  // null: nothing there
};

}  // namespace

ClosureResult RecordClosure(FileSystem& fs, Clock& clock, const Unit& unit,
                            const std::vector<std::string>& paths, int64_t started_ns,
                            FileMemo* memo) {
  return Recorder(fs, clock, unit, started_ns, memo).Run(paths);
}

std::vector<RecordedDirectory> GroupConditions(FileSystem& fs, const std::string& cwd,
                                               const std::vector<PathCondition>& conditions,
                                               int64_t now_ns) {
  DirectoryFinder finder(fs, cwd);
  Vouching vouching(fs);
  std::map<std::string, RecordedDirectory> groups;
  std::string_view last_directory;
  DirectoryFinder::Found* found = nullptr;  // where `last_directory` is
  for (const PathCondition& condition : conditions) {
    const std::string_view directory = path::Dirname(condition.path);
    if (found == nullptr || directory != last_directory) {
      found = &finder.DeepestExisting(directory);
      last_directory = directory;
    }
    if (found->group == nullptr) {
      found->group = &groups[found->path];
      found->group->path = found->path;
      found->group->stamp = found->stamp;
      found->group->trusted = IsSettled(found->stamp, now_ns);
    }
    RecordedName name;
    size_t start = found->path.size();
    while (start < condition.path.size() && condition.path[start] == '/') ++start;
    name.name = condition.path.substr(start);
    name.exists = condition.exists;
    name.vouched = vouching.Vouches(found->resolved, name);
    found->group->names.push_back(std::move(name));
  }
  std::vector<RecordedDirectory> directories;
  directories.reserve(groups.size());
  for (auto& [path, group] : groups) directories.push_back(std::move(group));
  return directories;
}

}  // namespace hpcc
