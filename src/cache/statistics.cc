#include "cache/statistics.h"

#include "absl/status/status.h"
#include "base/path.h"
#include "base/status.h"

namespace hpcc {

namespace {

constexpr std::string_view kMagic = "HPCCSTAT";
constexpr uint64_t kVersion = 1;

static_assert(static_cast<int>(Counter::kNotCacheableFirst) + kNotCacheableReasonCount <=
              kCounterCount);

absl::StatusOr<std::unique_ptr<MappedCounters>> Map(FileSystem& fs, const std::string& root,
                                                    MappedCounters::Access access) {
  return MappedCounters::Open(fs, StatisticsFile(root), kMagic, kVersion, kCounterCount, access);
}

StatisticsSnapshot Snapshot(const MappedCounters& counters) {
  StatisticsSnapshot snapshot;
  for (int i = 0; i < kCounterCount; ++i) snapshot.counters[i] = counters.Load(i);
  return snapshot;
}

}  // namespace

uint64_t StatisticsSnapshot::not_cacheable() const {
  uint64_t sum = 0;
  // Not only the reasons this version knows: a newer hpcc may count in the same file.
  for (int i = static_cast<int>(Counter::kNotCacheableFirst); i < kCounterCount; ++i) {
    sum += counters[i];
  }
  return sum;
}

std::string StatisticsFile(const std::string& root) {
  return path::Join(root, "statistics");
}

absl::StatusOr<std::unique_ptr<Statistics>> Statistics::Open(FileSystem& fs,
                                                             const std::string& root) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<MappedCounters> counters,
                        Map(fs, root, MappedCounters::Access::kReadWrite));
  return std::unique_ptr<Statistics>(new Statistics(StatisticsFile(root), std::move(counters)));
}

bool Statistics::IsCurrent(FileSystem& fs) const {
  FileStat stat;
  return fs.Stat(path_.c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
         counters_->IsMappingOf(stat);
}

void Statistics::Add(Counter counter, uint64_t amount) {
  counters_->Add(static_cast<size_t>(counter), amount);
}

void Statistics::Add(NotCacheableReason reason) {
  counters_->Add(static_cast<size_t>(Counter::kNotCacheableFirst) + static_cast<size_t>(reason), 1);
}

StatisticsSnapshot Statistics::Read() const {
  return Snapshot(*counters_);
}

void Statistics::Zero(uint64_t now_seconds) {
  for (int i = 0; i < kCounterCount; ++i) {
    if (i != static_cast<int>(Counter::kZeroedAtSeconds)) counters_->Store(i, 0);
  }
  counters_->Store(static_cast<size_t>(Counter::kZeroedAtSeconds), now_seconds);
}

absl::StatusOr<StatisticsSnapshot> ReadStatistics(FileSystem& fs, const std::string& root) {
  const absl::StatusOr<std::unique_ptr<MappedCounters>> counters =
      Map(fs, root, MappedCounters::Access::kReadOnly);
  if (absl::IsNotFound(counters.status())) return StatisticsSnapshot();
  if (!counters.ok()) return counters.status();
  return Snapshot(**counters);
}

}  // namespace hpcc
