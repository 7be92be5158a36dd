#include "admin/time_words.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 2'000'000'000 * kSecond;

TEST(ParseMoment, TakesDatesAndTimesInUtc) {
  const int64_t midnight = 1'795'305'600 * kSecond;  // date -ud 2026-11-22 +%s
  EXPECT_EQ(midnight, *ParseMoment("2026-11-22", kNow));
  EXPECT_EQ(midnight + 65'100 * kSecond, *ParseMoment("2026-11-22 18:05", kNow));
  EXPECT_EQ(midnight + 65'101 * kSecond, *ParseMoment("2026-11-22T18:05:01Z", kNow));
  EXPECT_EQ(0, *ParseMoment("1970-01-01", kNow));
}

TEST(ParseMoment, TakesDurationsBeforeNow) {
  EXPECT_EQ(kNow - 7200 * kSecond, *ParseMoment("2h", kNow));
  EXPECT_EQ(kNow - 86'400 * kSecond, *ParseMoment("1d", kNow));
}

TEST(ParseMoment, RefusesEverythingElse) {
  for (const char* text :
       {"", "yesterday", "2026", "2026-13-01", "2026-02-30", "2026-1-1", "2026-11-22T",
        "2026-11-22T25:00", "2026-11-22T18:60", "2026-11-22T18:05:61", "2026-11-22T18:05:01+01:00",
        "9999-01-01", "2026-11-22x", "2026-11-22T18:05:01Zx", "0001-01-01"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMoment(text, kNow).status())) << text;
  }
}

}  // namespace
}  // namespace hpcc
