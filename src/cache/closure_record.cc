#include "cache/closure_record.h"

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/hidden_inputs.h"
#include "compiler/search_path.h"

namespace hpcc {

namespace {

NotCacheable ChangedDuringCompile(const std::string& path) {
  return {NotCacheableReason::kChangedDuringCompile, path};
}

// "./a.h" and "a.h" are one file under one name.
std::string_view WithoutDot(std::string_view path) {
  while (path.starts_with("./") && path.size() > 2) path.remove_prefix(2);
  return path;
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

  // A symlink on the way to `path` that was made since the compile started: what it led to before
  // can't be told.
  bool RelinkedMeanwhile(std::string path) {
    while (!path.empty() && path != "/") {
      if (!walked_.insert(path).second) return false;
      FileStat stat;
      if (fs_.Stat(path.c_str(), /*follow_symlinks=*/false, &stat) == 0 &&
          stat.type == FileStat::Type::kSymlink && stat.changed_ns >= started_ns_) {
        return true;
      }
      path = std::string(path::Dirname(path));
    }
    return false;
  }

  void AddFile(const std::string& path) {
    if (!seen_.insert(std::string(WithoutDot(path))).second) return;
    const std::string resolved = path::Join(unit_.request.cwd, path);
    FileStat stat;
    const std::optional<FileFacts> facts = FactsOf(resolved, &stat);
    if (!facts) {
      result_.refusal = NotCacheable{NotCacheableReason::kClosureUnknown, path};
      return;
    }
    if (stat.changed_ns >= started_ns_ || RelinkedMeanwhile(resolved)) {
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

  // Of a file as it is now; nothing when it can't be read.
  std::optional<FileFacts> FactsOf(const std::string& resolved, FileStat* stat) {
    const Language language = unit_.request.invocation->language;
    const bool assembler =
        language == Language::kAssembler || language == Language::kAssemblerWithCpp;
    // Assembly is scanned otherwise, and what is remembered is not that.
    FileMemo* memo = assembler ? nullptr : memo_;
    if (memo != nullptr && fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, stat) == 0) {
      std::optional<FileFacts> known = memo->Find(FileStamp::Of(*stat));
      if (known && known->scanned != nullptr) return known;
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
      const std::optional<FileFacts> facts = FactsOf(path::Join(unit_.request.cwd, path), &stat);
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
  std::unordered_set<std::string> seen_;
  std::unordered_set<std::string> walked_;
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
    std::string path;  // "." for the working directory
    FileStamp stamp;
  };

  // Starting from `directory`, which may be "" for the working directory.
  const Found& DeepestExisting(const std::string& directory) {
    const auto known = found_.find(directory);
    if (known != found_.end()) return known->second;
    FileStat stat;
    const std::string resolved = path::Join(cwd_, directory.empty() ? "." : directory);
    Found found;
    if (fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, &stat) == 0 && stat.is_directory()) {
      found = {directory, FileStamp::Of(stat)};
    } else if (!directory.empty() && directory != "/") {
      found = DeepestExisting(std::string(path::Dirname(directory)));
    }
    return found_.emplace(directory, std::move(found)).first->second;
  }

 private:
  FileSystem& fs_;
  const std::string& cwd_;
  std::map<std::string, Found> found_;
};

// Tells whether a directory's stamp changes before the truth of a name in it can: not when a
// symlink or a directory of that name decides.
class Vouching {
 public:
  explicit Vouching(FileSystem& fs) : fs_(fs) {}

  bool Vouches(const std::string& directory, const RecordedName& name) {
    const std::string first = name.name.substr(0, name.name.find('/'));
    std::string place = path::Join(directory, first);
    auto known = types_.find(place);
    if (known == types_.end()) {
      FileStat stat;
      const int error = fs_.Stat(place.c_str(), /*follow_symlinks=*/false, &stat);
      const auto type = error == 0 ? std::optional(stat.type) : std::nullopt;
      known = types_.emplace(std::move(place), type).first;
    }
    if (!name.exists) return !known->second.has_value();
    return known->second == FileStat::Type::kRegular && first == name.name;
  }

 private:
  FileSystem& fs_;
  std::unordered_map<std::string, std::optional<FileStat::Type>> types_;  // null: nothing there
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
  for (const PathCondition& condition : conditions) {
    const DirectoryFinder::Found& found =
        finder.DeepestExisting(std::string(path::Dirname(condition.path)));
    RecordedDirectory& group = groups[found.path];
    if (group.names.empty()) {
      group.path = found.path;
      group.stamp = found.stamp;
      group.trusted = IsSettled(found.stamp, now_ns);
    }
    RecordedName name;
    name.name = condition.path.substr(found.path.size());
    while (name.name.starts_with('/')) name.name.erase(0, 1);
    name.exists = condition.exists;
    const std::string resolved = path::Join(cwd, found.path.empty() ? "." : found.path);
    name.vouched = vouching.Vouches(resolved, name);
    group.names.push_back(std::move(name));
  }
  std::vector<RecordedDirectory> directories;
  directories.reserve(groups.size());
  for (auto& [path, group] : groups) directories.push_back(std::move(group));
  return directories;
}

}  // namespace hpcc
