#include "remote/tier_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/strings.h"
#include "remote/remote_test_support.h"

namespace hpcc {
namespace {

class TierStatisticsTest : public testing::Test {
 protected:
  TierReport Report() {
    const absl::StatusOr<TierReport> report = ReadTierReport(fs_, local_, tier_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(TierReport());
  }
  std::unique_ptr<TierStatistics> Open() {
    absl::StatusOr<std::unique_ptr<TierStatistics>> opened =
        TierStatistics::Open(fs_, local_, tier_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  std::string Content(std::string_view ending) {
    return *ReadFile(fs_, StrCat(TierRecordsPath(local_, tier_), ending), 1 << 20);
  }

  FileSystem& fs_ = FileSystem::Real();
  RemoteScratch scratch_;
  const std::string local_ = scratch_.path() + "/local";
  const CacheTier tier_ = HttpConfig(scratch_, "http://cache.example").cache[0];
};

TEST_F(TierStatisticsTest, NothingCountedIsAllZero) {
  EXPECT_EQ(Report().metrics.hits, 0u);
  EXPECT_EQ(Report().notice, "");
  EXPECT_FALSE(FileExists(fs_, TierRecordsPath(local_, tier_) + ".counters"));
}

TEST_F(TierStatisticsTest, DifferencesAddUpAndOutliveWhoCounts) {
  RemoteMetrics first;
  first.hits = 3;
  first.bytes_received = 1000;
  first.hit_latency.counts[5] = 3;
  RemoteMetrics second = first;
  second.hits = 4;
  second.misses = 2;
  second.hit_latency.counts[6] = 1;
  {
    const std::unique_ptr<TierStatistics> statistics = Open();
    statistics->AddDifference(RemoteMetrics(), first);
    statistics->AddDifference(first, second);
    statistics->AddDifference(second, second);
  }
  Open()->Add(TierCounter::kUnreachable);
  const TierReport report = Report();
  EXPECT_EQ(report.metrics.hits, 4u);
  EXPECT_EQ(report.metrics.misses, 2u);
  EXPECT_EQ(report.metrics.bytes_received, 1000u);
  EXPECT_EQ(report.metrics.hit_latency.counts[5], 3u);
  EXPECT_EQ(report.metrics.hit_latency.counts[6], 1u);
  EXPECT_EQ(report.metrics.hit_latency.Total(), 4u);
  EXPECT_EQ(report.unreachable, 1u);
  EXPECT_EQ(report.errors(), 1u);
}

// A counter that went back (its program was started anew) adds nothing.
TEST_F(TierStatisticsTest, WhatShrankAddsNothing) {
  RemoteMetrics before;
  before.hits = 10;
  Open()->AddDifference(before, RemoteMetrics());
  EXPECT_EQ(Report().metrics.hits, 0u);
}

TEST_F(TierStatisticsTest, ZeroForgetsEverything) {
  const std::unique_ptr<TierStatistics> statistics = Open();
  statistics->Add(TierCounter::kDropped, 7);
  statistics->Add(static_cast<TierCounter>(319), 1);
  statistics->Zero();
  EXPECT_EQ(Content(".counters").substr(16), std::string(320 * 8, '\0'));
}

TEST_F(TierStatisticsTest, CachesOfOtherNamesAreCountedApart) {
  Open()->Add(TierCounter::kDropped);
  CacheTier other = tier_;
  other.http.url = "http://other.example";
  EXPECT_EQ(ReadTierReport(fs_, local_, other)->metrics.dropped, 0u);
  EXPECT_EQ(Report().metrics.dropped, 1u);
}

// The format as the header states it: a change of these bytes is a change of the version.
TEST_F(TierStatisticsTest, GoldenCounters) {
  const std::unique_ptr<TierStatistics> statistics = Open();
  RemoteMetrics metrics;
  uint64_t next = 1;
  for (uint64_t RemoteMetrics::*member :
       {&RemoteMetrics::hits, &RemoteMetrics::misses, &RemoteMetrics::read_errors,
        &RemoteMetrics::rejected, &RemoteMetrics::skipped, &RemoteMetrics::writes,
        &RemoteMetrics::write_errors, &RemoteMetrics::bytes_received, &RemoteMetrics::bytes_sent,
        &RemoteMetrics::evicted, &RemoteMetrics::suspensions}) {
    metrics.*member = next++;
  }
  metrics.hit_latency.counts[0] = 0x21;
  metrics.hit_latency.counts[95] = 0x22;
  metrics.miss_latency.counts[0] = 0x31;
  metrics.write_latency.counts[95] = 0x42;
  statistics->AddDifference(RemoteMetrics(), metrics);
  statistics->Add(TierCounter::kUnreachable, 12);
  statistics->Add(TierCounter::kDropped, 13);

  ByteWriter expected;
  expected.Raw("HPCCRMST");
  expected.Fixed64(1);
  for (uint64_t i = 0; i < 320; ++i) {
    uint64_t value = i < 13 ? i + 1 : 0;
    if (i == 32) value = 0x21;
    if (i == 127) value = 0x22;
    if (i == 128) value = 0x31;
    if (i == 319) value = 0x42;
    expected.Fixed64(value);
  }
  EXPECT_EQ(Content(".counters"), expected.bytes());
  EXPECT_EQ(Report().metrics.write_latency.counts[95], 0x42u);
}

TEST_F(TierStatisticsTest, GoldenNotice) {
  WriteTierNotice(fs_, local_, tier_, 1'700'000'000'000'000'000, "line\nof \x1b[1mtwo");
  EXPECT_EQ(Content(".notice"), "1700000000000000000\nline of  [1mtwo\n");
  EXPECT_EQ(Report().notice, "line of  [1mtwo");
  EXPECT_EQ(Report().notice_ns, 1'700'000'000'000'000'000);
}

TEST_F(TierStatisticsTest, AFileOfAnotherVersionIsNotReadAndIsReplacedByWhoCounts) {
  Open()->Add(TierCounter::kHits, 5);
  const std::string path = TierRecordsPath(local_, tier_) + ".counters";
  std::string content = Content(".counters");
  content[8] = 2;
  ASSERT_TRUE(WriteFileAtomically(fs_, path, content).ok());
  EXPECT_FALSE(ReadTierReport(fs_, local_, tier_).ok());
  Open()->Add(TierCounter::kHits);
  EXPECT_EQ(Report().metrics.hits, 1u);
}

TEST_F(TierStatisticsTest, ANoticeThatIsNoneIsPassedOver) {
  const std::string path = TierRecordsPath(local_, tier_) + ".notice";
  ASSERT_TRUE(MakeDirectories(fs_, local_ + "/remote").ok());
  for (const char* text : {"", "12", "12x\nline\n", "\nline\n"}) {
    ASSERT_TRUE(WriteFileAtomically(fs_, path, text).ok());
    EXPECT_EQ(Report().notice, "") << text;
  }
}

}  // namespace
}  // namespace hpcc
