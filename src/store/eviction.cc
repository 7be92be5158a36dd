#include "store/eviction.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int kLockAttempts = 1000;
constexpr std::chrono::milliseconds kLockPause{1};

uint64_t PercentAbove(uint64_t limit, uint64_t percent) {
  return limit + limit / 100 * percent + limit % 100 * percent / 100;
}

uint64_t Less(uint64_t from, uint64_t amount) {
  return from > amount ? from - amount : 0;
}

// Visits all shards in an order that differs from one eviction to the next, so that no part of the
// store is spared. An odd stride reaches every residue modulo 256.
class ShardOrder {
 public:
  explicit ShardOrder(uint64_t seed) {
    seed *= 0x9e3779b97f4a7c15;
    next_ = static_cast<int>(seed >> 32) & (kShardCount - 1);
    stride_ = static_cast<int>(seed >> 48) | 1;
  }

  bool done() const { return visited_ == kShardCount; }
  int Next() {
    ++visited_;
    const int shard = next_;
    next_ = (next_ + stride_) & (kShardCount - 1);
    return shard;
  }

 private:
  int next_;
  int stride_;
  int visited_ = 0;
};

// The values of the next few shards that have any. A shard that can't be read is passed over.
std::vector<StoredFile> Sample(FileSystem& fs, const DiskLayout& layout, UsageCounters& usage,
                               bool all, ShardOrder* order) {
  std::vector<StoredFile> sample;
  for (int shards = 0; !order->done() && (all || shards < kSampledShards);) {
    const int shard = order->Next();
    if (usage.Shard(shard) == DiskUsage{}) continue;
    ++shards;
    const absl::StatusOr<std::vector<StoredFile>> files = CountShard(fs, layout, usage, shard);
    if (files.ok()) sample.insert(sample.end(), files->begin(), files->end());
  }
  std::sort(sample.begin(), sample.end(), [](const StoredFile& a, const StoredFile& b) {
    return a.last_used_ns < b.last_used_ns;
  });
  return sample;
}

// Returns the bytes removed.
uint64_t EvictTo(uint64_t target, uint64_t seed, FileSystem& fs, const DiskLayout& layout,
                 UsageCounters& usage) {
  uint64_t removed = 0;
  uint64_t looked_at = 0;
  ShardOrder order(seed);
  while (usage.Total().bytes > target && !order.done() && looked_at < kMostFilesSampled) {
    const bool small = usage.Total().files <= kSmallStoreFiles;
    const std::vector<StoredFile> sample = Sample(fs, layout, usage, small, &order);
    looked_at += sample.size();
    size_t left = small ? sample.size() : (sample.size() + 3) / 4;
    for (auto file = sample.begin(); left > 0 && usage.Total().bytes > target; ++file, --left) {
      const absl::StatusOr<bool> gone = RemoveStoredFile(fs, layout, usage, *file);
      if (gone.ok() && *gone) removed += file->allocated;
    }
  }
  return removed;
}

}  // namespace

absl::StatusOr<std::vector<StoredFile>> CountShard(FileSystem& fs, const DiskLayout& layout,
                                                   UsageCounters& usage, int shard) {
  const DiskUsage before = usage.Shard(shard);
  HPCC_ASSIGN_OR_RETURN(std::vector<StoredFile> files, ScanShard(fs, layout, shard));
  DiskUsage counted;
  for (const StoredFile& file : files) {
    counted.bytes += file.allocated;
    ++counted.files;
  }
  // If somebody stored here meanwhile, the counter is left to be corrected another time.
  usage.Correct(shard, before, counted);
  return files;
}

absl::StatusOr<bool> RemoveStoredFile(FileSystem& fs, const DiskLayout& layout,
                                      UsageCounters& usage, const StoredFile& file) {
  const absl::Status removed = fs.Remove(layout.ValuePath(file.key));
  if (absl::IsNotFound(removed)) return false;
  HPCC_RETURN_IF_ERROR(removed);
  usage.Subtract(ShardOf(file.key.digest), {file.allocated, 1});
  return true;
}

absl::StatusOr<std::unique_ptr<File>> TryEvictionLock(FileSystem& fs, const DiskLayout& layout) {
  const std::string path = layout.EvictionLockPath();
  // For reading first: it may belong to another user, and a lock needs no right to write.
  absl::StatusOr<std::unique_ptr<File>> file = fs.OpenForReading(path);
  if (absl::IsNotFound(file.status())) file = fs.OpenForOverwriting(path, 0666);
  HPCC_RETURN_IF_ERROR(file.status());
  HPCC_RETURN_IF_ERROR((*file)->TryLock());
  return file;
}

absl::Status MakeRoom(FileSystem& fs, Clock& clock, const DiskLayout& layout, UsageCounters& usage,
                      uint64_t limit, uint64_t incoming) {
  const auto fits_below = [&](uint64_t bytes) { return usage.Total().bytes + incoming <= bytes; };
  if (fits_below(limit)) return absl::OkStatus();

  absl::StatusOr<std::unique_ptr<File>> lock = TryEvictionLock(fs, layout);
  for (int i = 0; absl::IsUnavailable(lock.status()) && i < kLockAttempts; ++i) {
    if (fits_below(PercentAbove(limit, 3))) return absl::OkStatus();
    clock.Sleep(kLockPause);
    lock = TryEvictionLock(fs, layout);
  }
  if (fits_below(limit)) return absl::OkStatus();

  // Without the lock, too: its holder may be stopped, and two evicting at once do no harm.
  const uint64_t target = Less(limit - limit / 100, incoming);
  const uint64_t removed =
      EvictTo(target, static_cast<uint64_t>(clock.NowNanoseconds()), fs, layout, usage);
  // A limit that was lowered by a lot is approached over several stores; one that can't be
  // approached at all is still kept.
  if (removed < incoming && !fits_below(PercentAbove(limit, 5))) {
    return absl::ResourceExhaustedError(
        StrCat(layout.root, ": the cache is full and nothing in it could be evicted"));
  }
  return absl::OkStatus();
}

}  // namespace hpcc
