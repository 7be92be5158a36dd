#ifndef HPCC_STORE_REMOTE_METRICS_H_
#define HPCC_STORE_REMOTE_METRICS_H_

// What a remote tier did since it was opened, for `hpcc stats`.

#include <array>
#include <chrono>
#include <cstdint>

namespace hpcc {

// Counts of durations in buckets that grow by a quarter of a power of two, so a percentile is right
// within 19%. Values: bucket i holds durations in [LowerBound(i), LowerBound(i + 1)) microseconds;
// the last holds everything longer.
class LatencyCounts {
 public:
  static constexpr size_t kBuckets = 96;  // up to about 16 s

  static size_t BucketOf(std::chrono::nanoseconds duration);
  static std::chrono::microseconds LowerBound(size_t bucket);

  void Add(std::chrono::nanoseconds duration) { ++counts[BucketOf(duration)]; }
  uint64_t Total() const;
  // 0.5 is the median: the upper bound of the bucket where it falls. Zero when nothing was counted.
  std::chrono::microseconds Percentile(double fraction) const;

  std::array<uint64_t, kBuckets> counts{};
};

struct RemoteMetrics {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t read_errors = 0;  // Get() failed on the way: timeouts, 5xx, refused credentials
  uint64_t rejected = 0;     // came back and must not be used: damaged, unsigned, foreign
  uint64_t skipped = 0;      // reads and writes not tried while suspended
  uint64_t writes = 0;       // that succeeded
  uint64_t write_errors = 0;
  uint64_t dropped = 0;         // values that were to be written and were given up
  uint64_t bytes_received = 0;  // of objects, without headers
  uint64_t bytes_sent = 0;
  uint64_t evicted = 0;          // objects
  uint64_t suspensions = 0;      // how often the tier was suspended
  uint64_t estimated_size = 0;   // bytes below the namespace; 0 without max_size
  bool reads_suspended = false;  // now
  bool writes_suspended = false;
  LatencyCounts hit_latency;  // of Get() that hit
  LatencyCounts miss_latency;
  LatencyCounts write_latency;
};

}  // namespace hpcc

#endif  // HPCC_STORE_REMOTE_METRICS_H_
