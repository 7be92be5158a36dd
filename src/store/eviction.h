#ifndef HPCC_STORE_EVICTION_H_
#define HPCC_STORE_EVICTION_H_

// How a disk store keeps to its size without anybody in charge.
//
// A store of few files is evicted from strictly in order of last use. In a larger one a few shards
// are looked at, and the least recently used quarter of what is found there goes; digests spread
// values evenly, so a few shards are a fair sample of all. What was looked at is also counted, so
// counters that killed writers left wrong mend themselves where eviction passes.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "store/disk_layout.h"
#include "store/usage_counters.h"

namespace hpcc {

// A store of at most this many files is evicted from in strict order of last use.
inline constexpr uint64_t kSmallStoreFiles = 1024;
// Shards looked at in one go in a larger one; kStoreNamespaceCount directories each.
inline constexpr int kSampledShards = 8;
// No store looks at more files than this to make room for one value.
inline constexpr uint64_t kMostFilesSampled = 16384;

// Scans the shard and sets its counters to what was found.
absl::StatusOr<std::vector<StoredFile>> CountShard(FileSystem& fs, const DiskLayout& layout,
                                                   UsageCounters& usage, int shard);

// Removes a value and uncounts it. True if it was there; false if somebody else was faster.
absl::StatusOr<bool> RemoveStoredFile(FileSystem& fs, const DiskLayout& layout,
                                      UsageCounters& usage, const StoredFile& file);

// Held by whoever evicts or counts, so that others need not. Unavailable when another holds it.
absl::StatusOr<std::unique_ptr<File>> TryEvictionLock(FileSystem& fs, const DiskLayout& layout);

// Evicts until `incoming` more bytes fit below `limit`, and a little more, so that not every store
// has to. While another process evicts, returns at once as long as the limit is kept within 3%, and
// else waits for about a second at most. ResourceExhausted when the value would bring the store to
// more than 5% above its limit because nothing could be evicted.
absl::Status MakeRoom(FileSystem& fs, Clock& clock, const DiskLayout& layout, UsageCounters& usage,
                      uint64_t limit, uint64_t incoming);

}  // namespace hpcc

#endif  // HPCC_STORE_EVICTION_H_
