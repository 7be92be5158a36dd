#include "store/remote_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hpcc {

std::chrono::microseconds LatencyCounts::LowerBound(size_t bucket) {
  if (bucket == 0) return std::chrono::microseconds(0);
  return std::chrono::microseconds(
      static_cast<int64_t>(std::ceil(std::exp2(static_cast<double>(bucket) / 4))));
}

size_t LatencyCounts::BucketOf(std::chrono::nanoseconds duration) {
  const std::chrono::microseconds us =
      std::chrono::duration_cast<std::chrono::microseconds>(duration);
  size_t low = 0;
  size_t high = kBuckets;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (us >= LowerBound(middle) ? low : high) = middle;
  }
  return low;
}

uint64_t LatencyCounts::Total() const {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

std::chrono::microseconds LatencyCounts::Percentile(double fraction) const {
  const uint64_t total = Total();
  if (total == 0) return std::chrono::microseconds(0);
  const uint64_t rank = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(total))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts[bucket];
    if (seen >= rank) return LowerBound(bucket + 1);
  }
  return LowerBound(kBuckets);
}

}  // namespace hpcc
