#ifndef HPCC_STORE_DISK_LAYOUT_H_
#define HPCC_STORE_DISK_LAYOUT_H_

// Where things are below a cache's root.
//
//   <root>/<namespace>/<first two hex digits>/<64 hex digits>   a value
//   <root>/tmp/value.hpcc-<process>-<random>                    one being written, locked till done
//   <root>/usage                                                store/usage_counters.h
//   <root>/evict.lock                                           locked by whoever evicts
//
// Other names in the root belong to others (cache/statistics.h, cache/asking_turn.h) and are let
// be.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "store/store.h"

namespace hpcc {

inline constexpr int kShardCount = 256;
inline constexpr uint64_t kBlockBytes = 4096;

// What a file of `size` bytes takes on a disk: whole blocks.
inline uint64_t AllocatedBytes(uint64_t size) {
  return (size + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

// The shard a digest belongs to: its first two hex digits as a number.
inline int ShardOf(const Digest& digest) {
  return static_cast<uint8_t>(digest.bytes()[0]);
}

struct DiskLayout {
  std::string root;

  std::string NamespaceDirectory(StoreNamespace ns) const;
  std::string ShardDirectory(StoreNamespace ns, int shard) const;
  std::string ValuePath(const StoreKey& key) const;
  std::string TemporaryDirectory() const;
  // A fresh name in TemporaryDirectory().
  std::string TemporaryPath() const;
  std::string UsagePath() const;
  std::string EvictionLockPath() const;
};

// One value, as a walk finds it.
struct StoredFile {
  StoreKey key;
  uint64_t allocated = 0;    // bytes, whole blocks
  int64_t last_used_ns = 0;  // its mtime
};

// The keys of the values in one directory; nothing when it doesn't exist. Names that aren't those
// of a value of this shard are passed over.
absl::StatusOr<std::vector<StoreKey>> ListShardDirectory(FileSystem& fs, const DiskLayout& layout,
                                                         StoreNamespace ns, int shard);

// The values of a shard over all namespaces: at most kStoreNamespaceCount directories are listed.
absl::StatusOr<std::vector<StoredFile>> ScanShard(FileSystem& fs, const DiskLayout& layout,
                                                  int shard);

}  // namespace hpcc

#endif  // HPCC_STORE_DISK_LAYOUT_H_
