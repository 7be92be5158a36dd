#include "cache/closure_check.h"

#include <algorithm>
#include <cerrno>

#include "base/path.h"
#include "base/strings.h"
#include "cache/unit.h"

namespace hpcc {

namespace {

// gcc takes a precompiled header also from a directory of this name.
constexpr std::string_view kPrecompiledSuffix = ".gch";

// Names of several components are often absent because the first is: one look tells for all.
class MissingComponents {
 public:
  MissingComponents(FileSystem& fs, const std::string& directory)
      : fs_(fs), directory_(directory) {}

  bool Contains(const std::string& name) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos) return false;
    if (name.compare(0, slash, last_) != 0 || last_.size() != slash) {
      last_ = name.substr(0, slash);
      FileStat stat;
      last_missing_ = fs_.Stat(path::Join(directory_, last_).c_str(), /*follow_symlinks=*/true,
                               &stat) == ENOENT;
    }
    return last_missing_;
  }

 private:
  FileSystem& fs_;
  const std::string& directory_;
  std::string last_;  // names come sorted, so the last one is all there is to remember
  bool last_missing_ = false;
};

MissReason Reason(MissReason::Kind kind, const std::string& subject) {
  return MissReason{.kind = kind, .subject = subject};
}

}  // namespace

ClosureChecker::ClosureChecker(FileSystem& fs, std::string cwd, const ProjectRoot& root,
                               int64_t now_ns, FileMemo* memo)
    : fs_(fs), cwd_(std::move(cwd)), root_(root), now_ns_(now_ns), memo_(memo) {}

std::string ClosureChecker::Resolve(const std::string& recorded) const {
  if (root_.marked() && recorded.starts_with(kRootPrefix)) return root_.FromPortable(recorded);
  return path::Join(cwd_, recorded);
}

ClosurePlan ClosureChecker::PlanOf(const DirectRecord& record) const {
  std::vector<std::string> paths;
  paths.reserve(record.files.size() + record.directories.size());
  for (const RecordedFile& file : record.files) paths.push_back(Resolve(file.path));
  for (const RecordedDirectory& directory : record.directories) {
    paths.push_back(Resolve(directory.path));
  }
  return {.cwd = cwd_, .root = root_.directory(), .places = StatPlan(std::move(paths))};
}

std::optional<MissReason> ClosureChecker::Check(DirectRecord* record,
                                                std::optional<ClosurePlan>* plan) {
  std::optional<ClosurePlan> own;
  if (plan == nullptr) plan = &own;
  const size_t count = record->files.size() + record->directories.size();
  const bool fits = plan->has_value() && (*plan)->cwd == cwd_ &&
                    (*plan)->root == root_.directory() && (*plan)->places.paths().size() == count;
  if (!fits) *plan = PlanOf(*record);
  const StatPlan& places = (*plan)->places;
  std::vector<StatResult> found(count);
  fs_.StatMany(places, found);

  size_t place = 0;
  for (RecordedFile& file : record->files) {
    const std::string& path = places.paths()[place];
    if (std::optional<MissReason> reason = CheckFile(path, found[place++], &file)) return reason;
  }
  for (RecordedDirectory& directory : record->directories) {
    const std::string& path = places.paths()[place];
    if (std::optional<MissReason> reason = CheckDirectory(path, found[place++], &directory)) {
      return reason;
    }
  }
  for (const RecordedPlace& recorded : record->places) {
    if (std::optional<MissReason> reason = CheckPlace(recorded)) return reason;
  }
  return std::nullopt;
}

std::optional<MissReason> ClosureChecker::CheckPlace(const RecordedPlace& place) const {
  const std::string path = Resolve(place.path);
  const absl::StatusOr<std::string> real = fs_.RealPath(path);
  if (real.ok() && *real == Resolve(place.real)) return std::nullopt;
  return Reason(MissReason::Kind::kHeaderChanged, path);
}

std::optional<MissReason> ClosureChecker::CheckFile(const std::string& path,
                                                    const StatResult& found, RecordedFile* file) {
  if (found.error != 0) return Reason(MissReason::Kind::kHeaderVanished, path);
  const FileStat& stat = found.stat;
  newest_change_ns_ = std::max(newest_change_ns_, stat.changed_ns);
  if (file->trusted && FileStamp::Of(stat) == file->stamp) return std::nullopt;

  FileStamp stamp;
  const std::optional<Digest> digest = DigestOf(path, &stamp);
  if (!digest) return Reason(MissReason::Kind::kHeaderVanished, path);
  if (*digest != file->digest) return Reason(MissReason::Kind::kHeaderChanged, path);
  if (file->same_time && stamp.modified_ns != file->stamp.modified_ns) {
    return Reason(MissReason::Kind::kHeaderChanged, path);
  }
  file->stamp = stamp;
  file->trusted = IsSettled(stamp, now_ns_);
  if (file->trusted) ++renewed_;
  return std::nullopt;
}

std::optional<Digest> ClosureChecker::DigestOf(const std::string& path, FileStamp* stamp) {
  const auto found = read_.find(path);
  if (found != read_.end()) {
    *stamp = found->second.stamp;
    return found->second.digest;
  }
  Seen seen;
  FileStat stat;
  if (memo_ != nullptr && fs_.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0) {
    seen.stamp = FileStamp::Of(stat);
    if (const std::optional<FileFacts> facts = memo_->Find(seen.stamp)) {
      seen.digest = facts->digest;
      *stamp = seen.stamp;
      return read_.emplace(path, seen).first->second.digest;
    }
  }
  const absl::StatusOr<std::string> text = ReadFileAndStat(fs_, path, kMaxSourceBytes, &stat);
  if (text.ok()) {
    seen.stamp = FileStamp::Of(stat);
    seen.digest = Digest::Of(*text);
    if (memo_ != nullptr) memo_->Remember(seen.stamp, {*seen.digest, nullptr}, now_ns_);
  }
  *stamp = seen.stamp;
  return read_.emplace(path, seen).first->second.digest;
}

std::optional<MissReason> ClosureChecker::CheckDirectory(const std::string& path,
                                                         const StatResult& found,
                                                         RecordedDirectory* directory) {
  const bool there = found.error == 0;
  const FileStamp stamp = there ? FileStamp::Of(found.stat) : FileStamp();
  const bool unchanged = there && directory->trusted && stamp == directory->stamp;

  if (unchanged && directory->names.empty() && directory->all_vouched) return std::nullopt;
  if (!UnpackNames(directory)) return Reason(MissReason::Kind::kResultCorrupt, path);
  size_t looked_at = 0;
  MissingComponents missing(fs_, path);
  for (const RecordedName& name : directory->names) {
    if (unchanged && name.vouched) continue;
    if (!name.exists && missing.Contains(name.name)) continue;
    const std::string place = path::Join(path, name.name);
    FileStat stat;
    const int error = fs_.Stat(place.c_str(), /*follow_symlinks=*/true, &stat);
    // What can't be looked at may well be there.
    const bool unknown = error != 0 && error != ENOENT && error != ENOTDIR;
    const bool exists =
        unknown || (error == 0 && (!stat.is_directory() || place.ends_with(kPrecompiledSuffix)));
    if (exists && !name.exists) return Reason(MissReason::Kind::kHeaderAppeared, place);
    if ((!exists || unknown) && name.exists) {
      return Reason(MissReason::Kind::kHeaderVanished, place);
    }
    if (name.vouched) ++looked_at;
  }
  if (unchanged || !there) return std::nullopt;
  // What stands in the directory is as before, so its new stamp is as good as the old one.
  directory->stamp = stamp;
  directory->trusted = IsSettled(stamp, now_ns_);
  if (directory->trusted) renewed_ += looked_at;
  return std::nullopt;
}

}  // namespace hpcc
