#include "store/usage_counters.h"

#include "base/status.h"

namespace hpcc {

namespace {

constexpr std::string_view kMagic = "HPCCUSE\n";
constexpr uint64_t kVersion = 1;
// Positions in the file.
constexpr size_t kFirstBytes = 0;
constexpr size_t kFirstFiles = kShardCount;
constexpr size_t kCounted = 2 * kShardCount;
constexpr size_t kCount = kCounted + 1;

}  // namespace

absl::StatusOr<std::unique_ptr<UsageCounters>> UsageCounters::Open(FileSystem& fs,
                                                                   const std::string& path,
                                                                   MappedCounters::Access access) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<MappedCounters> counters,
                        MappedCounters::Open(fs, path, kMagic, kVersion, kCount, access));
  return std::unique_ptr<UsageCounters>(new UsageCounters(std::move(counters)));
}

DiskUsage UsageCounters::Total() const {
  DiskUsage total;
  for (int shard = 0; shard < kShardCount; ++shard) {
    const DiskUsage usage = Shard(shard);
    total.bytes += usage.bytes;
    total.files += usage.files;
  }
  return total;
}

DiskUsage UsageCounters::Shard(int shard) const {
  return {counters_->Load(kFirstBytes + shard), counters_->Load(kFirstFiles + shard)};
}

void UsageCounters::Add(int shard, DiskUsage usage) {
  counters_->Add(kFirstBytes + shard, usage.bytes);
  counters_->Add(kFirstFiles + shard, usage.files);
}

void UsageCounters::Subtract(int shard, DiskUsage usage) {
  counters_->Subtract(kFirstBytes + shard, usage.bytes);
  counters_->Subtract(kFirstFiles + shard, usage.files);
}

bool UsageCounters::Correct(int shard, DiskUsage before, DiskUsage counted) {
  const bool bytes = counters_->CompareAndStore(kFirstBytes + shard, before.bytes, counted.bytes);
  const bool files = counters_->CompareAndStore(kFirstFiles + shard, before.files, counted.files);
  return bytes && files;
}

void UsageCounters::Set(int shard, DiskUsage usage) {
  counters_->Store(kFirstBytes + shard, usage.bytes);
  counters_->Store(kFirstFiles + shard, usage.files);
}

bool UsageCounters::counted() const {
  return counters_->Load(kCounted) != 0;
}

void UsageCounters::set_counted() {
  counters_->Store(kCounted, 1);
}

}  // namespace hpcc
