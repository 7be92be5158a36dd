#include "base/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hpcc {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(ParseByteSizeTest, EverySuffixIsAPowerOf1024) {
  for (const auto& [text, bytes] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"0", 0},
           {"4096", 4096},
           {"4096B", 4096},
           {"64k", 64 << 10},
           {"64K", 64 << 10},
           {"64Ki", 64 << 10},
           {"64KiB", 64 << 10},
           {"64kb", 64 << 10},
           {"500M", uint64_t{500} << 20},
           {"500MiB", uint64_t{500} << 20},
           {"10G", uint64_t{10} << 30},
           {"10 G", uint64_t{10} << 30},
           {" 10GB ", uint64_t{10} << 30},
           {"1.5T", uint64_t{3} << 39},
           {"0.25k", 256},
           {"18446744073709551615", ~uint64_t{0}},
       }) {
    const auto parsed = ParseByteSize(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseByteSizeTest, WhatIsNotASizeIsRefusedWithAnExample) {
  for (const char* text :
       {"", " ", "G", "-1", "+1", "1.5", "1.", ".5G", "10X", "10GG", "10iB", "ten", "1e9", "0x10",
        "10G5", "18446744073709551616", "16777216T", "99999999999999999999999G", "1,5G"}) {
    const auto parsed = ParseByteSize(text);
    ASSERT_FALSE(parsed.ok()) << text << " gave " << *parsed;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(parsed.status().message(), testing::HasSubstr("such as 10G")) << text;
    EXPECT_THAT(parsed.status().message(), testing::HasSubstr(text));
  }
}

TEST(ParseByteSizeTest, TheLargestMultipleThatFitsIsTaken) {
  EXPECT_EQ(*ParseByteSize("16777215T"), uint64_t{16777215} << 40);
}

TEST(ParseDurationTest, EveryUnitIsUnderstood) {
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("45s"), seconds(45));
  EXPECT_EQ(*ParseDuration("15m"), minutes(15));
  EXPECT_EQ(*ParseDuration("15min"), minutes(15));
  EXPECT_EQ(*ParseDuration("12h"), hours(12));
  EXPECT_EQ(*ParseDuration("30d"), hours(30 * 24));
  EXPECT_EQ(*ParseDuration("1w"), hours(7 * 24));
  EXPECT_EQ(*ParseDuration("1.5h"), minutes(90));
  EXPECT_EQ(*ParseDuration("0s"), milliseconds(0));
}

TEST(ParseDurationTest, WhatIsNotADurationIsRefusedWithAnExample) {
  for (const char* text : {"", "30", "d", "-1d", "1y", "1 day", "30D", "1h30m", "ms",
                           "999999999999999999999d", "106752d"}) {
    const auto parsed = ParseDuration(text);
    ASSERT_FALSE(parsed.ok()) << text << " gave " << parsed->count();
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(parsed.status().message(), testing::HasSubstr("such as 30d")) << text;
  }
}

TEST(FormatBytesTest, OneDecimalWhereItTellsSomething) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(12), "12 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1 KiB");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(1503238553), "1.4 GiB");
  EXPECT_EQ(FormatBytes(uint64_t{10} << 30), "10 GiB");
  EXPECT_EQ(FormatBytes(uint64_t{300} << 20), "300 MiB");
  EXPECT_EQ(FormatBytes(~uint64_t{0}), "16 EiB");
}

TEST(FormatBytesTest, RoundingUpGoesToTheNextUnit) {
  EXPECT_EQ(FormatBytes(1024 * 1024 - 1), "1 MiB");
  EXPECT_EQ(FormatBytes(1023 * 1024), "1023 KiB");
}

TEST(FormatDurationTest, TwoUnitsAtMost) {
  EXPECT_EQ(FormatDuration(nanoseconds(0)), "0 s");
  EXPECT_EQ(FormatDuration(nanoseconds(7)), "7 ns");
  EXPECT_EQ(FormatDuration(nanoseconds(1500)), "1.5 us");
  EXPECT_EQ(FormatDuration(milliseconds(18)), "18 ms");
  EXPECT_EQ(FormatDuration(milliseconds(3400)), "3.4 s");
  EXPECT_EQ(FormatDuration(nanoseconds(59'990'000'000)), "1 min");
  EXPECT_EQ(FormatDuration(seconds(61)), "1 min 1 s");
  EXPECT_EQ(FormatDuration(minutes(72)), "1 h 12 min");
  EXPECT_EQ(FormatDuration(hours(2)), "2 h");
  EXPECT_EQ(FormatDuration(hours(51)), "2 d 3 h");
  EXPECT_EQ(FormatDuration(nanoseconds(999'999'999)), "1 s");
}

TEST(FormatDurationTest, NegativeDurationsKeepTheirSign) {
  EXPECT_EQ(FormatDuration(milliseconds(-18)), "-18 ms");
  EXPECT_EQ(FormatDuration(nanoseconds::min()), "-106751 d 23 h");
}

}  // namespace
}  // namespace hpcc
