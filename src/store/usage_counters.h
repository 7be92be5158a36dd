#ifndef HPCC_STORE_USAGE_COUNTERS_H_
#define HPCC_STORE_USAGE_COUNTERS_H_

// How much each shard of a disk store holds, in <root>/usage.
//
//   usage   = magic "HPCCUSE\n" , version:u64 = 1 , bytes:u64 * 256 , files:u64 * 256 ,
//             counted:u64
//
// Little-endian, 4120 bytes; mapped and changed atomically (base/mapped_counters.h). `bytes` are
// whole blocks (AllocatedBytes). `counted` is 0 in a fresh file, until somebody has walked the
// store and set the counters; then 1. A value is counted after it was renamed into place, and
// uncounted after it was removed, so a writer killed in between leaves a counter off by one value
// until the next count of that shard.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/mapped_counters.h"
#include "store/disk_layout.h"

namespace hpcc {

struct DiskUsage {
  uint64_t bytes = 0;  // as allocated: each file rounded up to whole blocks of 4 KiB
  uint64_t files = 0;

  friend bool operator==(const DiskUsage&, const DiskUsage&) = default;
};

// Thread-safe, and safe between processes.
class UsageCounters {
 public:
  // As MappedCounters::Open.
  static absl::StatusOr<std::unique_ptr<UsageCounters>> Open(FileSystem& fs,
                                                             const std::string& path,
                                                             MappedCounters::Access access);

  DiskUsage Total() const;
  DiskUsage Shard(int shard) const;

  void Add(int shard, DiskUsage usage);
  void Subtract(int shard, DiskUsage usage);
  // Sets the shard to what a count found, unless it has changed since it was `before`: then the
  // count may have missed something, and false is returned.
  bool Correct(int shard, DiskUsage before, DiskUsage counted);
  // Sets the shard, come what may.
  void Set(int shard, DiskUsage usage);

  bool counted() const;
  void set_counted();

  bool IsMappingOf(const FileStat& stat) const { return counters_->IsMappingOf(stat); }

 private:
  explicit UsageCounters(std::unique_ptr<MappedCounters> counters)
      : counters_(std::move(counters)) {}

  std::unique_ptr<MappedCounters> counters_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_USAGE_COUNTERS_H_
