#include "store/clean_up.h"

#include <algorithm>
#include <limits>

#include "base/status.h"
#include "base/strings.h"
#include "store/eviction.h"

namespace hpcc {

namespace {

constexpr int kLockAttempts = 1000;
constexpr std::chrono::milliseconds kLockPause{1};
// How often a shard that is being stored into is counted again before the last count is taken.
constexpr int kCountAttempts = 8;

DiskUsage Sum(const std::vector<StoredFile>& files) {
  DiskUsage sum;
  for (const StoredFile& file : files) {
    sum.bytes += file.allocated;
    ++sum.files;
  }
  return sum;
}

// Like CountShard, but leaves the counters set in any case.
absl::StatusOr<std::vector<StoredFile>> CountShardForSure(FileSystem& fs, const DiskLayout& layout,
                                                          UsageCounters& usage, int shard) {
  for (int attempt = 1;; ++attempt) {
    const DiskUsage before = usage.Shard(shard);
    HPCC_ASSIGN_OR_RETURN(std::vector<StoredFile> files, ScanShard(fs, layout, shard));
    const DiskUsage counted = Sum(files);
    if (usage.Correct(shard, before, counted)) return files;
    if (attempt < kCountAttempts) continue;
    usage.Set(shard, counted);
    return files;
  }
}

// Waits for who evicts at the moment, within reason: walking beside it is harmless.
std::unique_ptr<File> WaitForEvictionLock(FileSystem& fs, Clock& clock, const DiskLayout& layout) {
  for (int i = 0; i < kLockAttempts; ++i) {
    absl::StatusOr<std::unique_ptr<File>> lock = TryEvictionLock(fs, layout);
    if (lock.ok()) return *std::move(lock);
    if (!absl::IsUnavailable(lock.status())) return nullptr;
    clock.Sleep(kLockPause);
  }
  return nullptr;
}

class Cleaner {
 public:
  Cleaner(FileSystem& fs, const DiskLayout& layout, UsageCounters& usage)
      : fs_(fs), layout_(layout), usage_(usage) {}

  // Whether the file is gone by our doing or another's.
  bool Remove(const StoredFile& file) {
    const absl::StatusOr<bool> removed = RemoveStoredFile(fs_, layout_, usage_, file);
    if (!removed.ok()) {
      Note(removed.status());
      return false;
    }
    if (*removed) {
      report_.removed.bytes += file.allocated;
      ++report_.removed.files;
    }
    return true;
  }
  void Keep(const StoredFile& file) {
    report_.kept.bytes += file.allocated;
    ++report_.kept.files;
  }
  void Unkeep(const StoredFile& file) {
    report_.kept.bytes -= file.allocated;
    --report_.kept.files;
  }
  void Note(absl::Status status) { error_.Update(std::move(status)); }

  CleanReport& report() { return report_; }
  const absl::Status& error() const { return error_; }

 private:
  FileSystem& fs_;
  const DiskLayout& layout_;
  UsageCounters& usage_;
  CleanReport report_;
  absl::Status error_;
};

absl::StatusOr<uint64_t> RemoveAbandonedIn(FileSystem& fs, const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> names = fs.List(directory);
  if (absl::IsNotFound(names.status())) return 0;
  HPCC_RETURN_IF_ERROR(names.status());
  uint64_t removed = 0;
  for (const std::string& name : *names) {
    // Names of TemporaryNameBeside() only: the root may be a directory that others use as well.
    if (!StrContains(name, ".hpcc-")) continue;
    const std::string path = StrCat(directory, "/", name);
    FileStat stat;
    if (fs.Stat(path.c_str(), /*follow_symlinks=*/false, &stat) != 0 || !stat.is_regular()) {
      continue;
    }
    const absl::StatusOr<std::unique_ptr<File>> file = fs.OpenForReading(path);
    if (!file.ok() || !(*file)->TryLock().ok()) continue;
    const absl::Status gone = fs.Remove(path);
    if (absl::IsNotFound(gone)) continue;
    HPCC_RETURN_IF_ERROR(gone);
    ++removed;
  }
  return removed;
}

}  // namespace

absl::StatusOr<uint64_t> RemoveAbandonedFiles(FileSystem& fs, const DiskLayout& layout) {
  HPCC_ASSIGN_OR_RETURN(const uint64_t values, RemoveAbandonedIn(fs, layout.TemporaryDirectory()));
  HPCC_ASSIGN_OR_RETURN(const uint64_t others, RemoveAbandonedIn(fs, layout.root));
  return values + others;
}

absl::StatusOr<CleanReport> CleanStore(FileSystem& fs, Clock& clock, const DiskLayout& layout,
                                       UsageCounters& usage,
                                       const DiskStore::CleanOptions& options) {
  Cleaner cleaner(fs, layout, usage);
  const std::unique_ptr<File> lock = WaitForEvictionLock(fs, clock, layout);
  HPCC_ASSIGN_OR_RETURN(cleaner.report().temporary_files, RemoveAbandonedFiles(fs, layout));

  int64_t oldest_kept = std::numeric_limits<int64_t>::min();
  if (options.max_age) {
    oldest_kept = clock.NowNanoseconds() - std::chrono::nanoseconds(*options.max_age).count();
  }
  std::vector<StoredFile> kept;
  for (int shard = 0; shard < kShardCount; ++shard) {
    const absl::StatusOr<std::vector<StoredFile>> files =
        CountShardForSure(fs, layout, usage, shard);
    cleaner.Note(files.status());
    if (!files.ok()) continue;
    for (const StoredFile& file : *files) {
      const bool goes = options.all || file.last_used_ns < oldest_kept;
      if (goes && cleaner.Remove(file)) continue;
      cleaner.Keep(file);
      if (options.max_size) kept.push_back(file);
    }
    if (options.progress) options.progress(shard + 1);
  }
  usage.set_counted();

  std::sort(kept.begin(), kept.end(), [](const StoredFile& a, const StoredFile& b) {
    return a.last_used_ns < b.last_used_ns;
  });
  for (const StoredFile& file : kept) {
    if (cleaner.report().kept.bytes <= *options.max_size) break;
    if (cleaner.Remove(file)) cleaner.Unkeep(file);
  }
  HPCC_RETURN_IF_ERROR(cleaner.error());
  return cleaner.report();
}

}  // namespace hpcc
