#include "store/remote_metrics.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

using std::chrono::microseconds;

TEST(LatencyCountsTest, ADurationFallsBetweenItsBucketsBounds) {
  for (const int64_t us : {0, 1, 2, 3, 10, 999, 1000, 123456, 2000000, 10000000}) {
    const size_t bucket = LatencyCounts::BucketOf(microseconds(us));
    EXPECT_LE(LatencyCounts::LowerBound(bucket), microseconds(us)) << us;
    EXPECT_GT(LatencyCounts::LowerBound(bucket + 1), microseconds(us)) << us;
  }
  EXPECT_EQ(LatencyCounts::BucketOf(std::chrono::hours(1)), LatencyCounts::kBuckets - 1);
}

TEST(LatencyCountsTest, PercentilesAreRightWithinAFifth) {
  LatencyCounts counts;
  for (int ms = 1; ms <= 1000; ++ms) counts.Add(std::chrono::milliseconds(ms));
  EXPECT_EQ(counts.Total(), 1000u);
  EXPECT_NEAR(static_cast<double>(counts.Percentile(0.5).count()), 500e3, 100e3);
  EXPECT_NEAR(static_cast<double>(counts.Percentile(0.99).count()), 990e3, 198e3);
}

TEST(LatencyCountsTest, NothingCountedIsZero) {
  EXPECT_EQ(LatencyCounts().Percentile(0.5), microseconds(0));
}

}  // namespace
}  // namespace hpcc
