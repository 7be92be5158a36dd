#ifndef HPCC_CACHE_STATISTICS_H_
#define HPCC_CACHE_STATISTICS_H_

// Counters kept over all compiles that use one cache root, in <root>/statistics.
//
//   file    = magic "HPCCSTAT" , version:u64 = 1 , counter:u64 * 254
//
// Little-endian, 2048 bytes. Everyone maps the file and adds atomically, so counting takes no lock
// and a killed process loses at most its own last addition. The file is made aside and renamed into
// place whole. A position in it is never given another meaning.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/mapped_counters.h"
#include "compiler/not_cacheable.h"

namespace hpcc {

enum class Counter : uint16_t {
  kDirectHit = 0,
  kPreprocessedHit = 1,
  kMiss = 2,
  kError = 3,         // something in hpcc failed; the compiler ran plainly
  kStoreError = 4,    // a result could not be kept
  kCorruptEntry = 5,  // found, removed, treated as a miss
  kTimeSavedNanoseconds = 6,
  kBytesRead = 7,  // of results, as stored
  kBytesWritten = 8,
  kZeroedAtSeconds = 9,  // when the counters were last set to zero, seconds since the epoch
  // Of misses that a worker could have compiled.
  kRemoteCompile = 10,
  kRemoteHit = 11,            // it had done so before
  kRemoteFallbackFirst = 16,  // + FallbackCause (remote/fallback_cause.h): compiled here instead
  kNotCacheableFirst = 64,    // + NotCacheableReason
};
inline constexpr int kCounterCount = 254;
inline constexpr int kRemoteFallbackSlots =
    static_cast<int>(Counter::kNotCacheableFirst) - static_cast<int>(Counter::kRemoteFallbackFirst);

struct StatisticsSnapshot {
  uint64_t counters[kCounterCount] = {};

  uint64_t of(Counter counter) const { return counters[static_cast<int>(counter)]; }
  uint64_t of(NotCacheableReason reason) const {
    return counters[static_cast<int>(Counter::kNotCacheableFirst) + static_cast<int>(reason)];
  }
  uint64_t hits() const { return of(Counter::kDirectHit) + of(Counter::kPreprocessedHit); }
  uint64_t not_cacheable() const;
};

// Thread-safe, and safe between processes.
class Statistics {
 public:
  // Makes the file (and `root`) when it isn't there; replaces one that is no statistics file.
  static absl::StatusOr<std::unique_ptr<Statistics>> Open(FileSystem& fs, const std::string& root);

  void Add(Counter counter, uint64_t amount = 1);
  void Add(NotCacheableReason reason);
  StatisticsSnapshot Read() const;
  // False after somebody removed or replaced the file: what is added here is then lost.
  bool IsCurrent(FileSystem& fs) const;
  // All but kZeroedAtSeconds, which becomes `now_seconds`.
  void Zero(uint64_t now_seconds);

 private:
  Statistics(std::string path, std::unique_ptr<MappedCounters> counters)
      : path_(std::move(path)), counters_(std::move(counters)) {}

  std::string path_;
  std::unique_ptr<MappedCounters> counters_;
};

// What has been counted in `root`, changing nothing there: all zero when there is no file yet,
// DataLoss when the file is no statistics file.
absl::StatusOr<StatisticsSnapshot> ReadStatistics(FileSystem& fs, const std::string& root);

std::string StatisticsFile(const std::string& root);

}  // namespace hpcc

#endif  // HPCC_CACHE_STATISTICS_H_
