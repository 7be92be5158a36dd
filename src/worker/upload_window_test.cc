#include "worker/upload_window.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kSecond = 1'000'000'000;

TEST(UploadWindowTest, WhatFitsIntoTheHourIsCounted) {
  UploadWindow window;
  EXPECT_EQ(window.Charge(60, 100, 0), std::nullopt);
  EXPECT_EQ(window.Charge(40, 100, 10 * kSecond), std::nullopt);
  EXPECT_EQ(window.total(), 100U);
}

TEST(UploadWindowTest, ARefusalSaysWhenToComeAgainAndIsNotCounted) {
  UploadWindow window;
  EXPECT_EQ(window.Charge(60, 100, 0), std::nullopt);
  EXPECT_EQ(window.Charge(40, 100, 120 * kSecond), std::nullopt);
  const auto wait = window.Charge(50, 100, 600 * kSecond);
  ASSERT_TRUE(wait.has_value());
  EXPECT_EQ(window.total(), 100U);
  // The sixty of the first minute are gone an hour after it.
  const int64_t then = 600 * kSecond + wait->count() * 1'000'000;
  EXPECT_GE(then, 3600 * kSecond);
  EXPECT_LT(then, 3662 * kSecond);
  EXPECT_EQ(window.Charge(50, 100, then), std::nullopt);
}

TEST(UploadWindowTest, MoreThanTheLimitNeverFits) {
  UploadWindow window;
  EXPECT_NE(window.Charge(101, 100, 0), std::nullopt);
  EXPECT_NE(window.Charge(UINT64_MAX, 100, 0), std::nullopt);
  EXPECT_EQ(window.Charge(100, 100, 0), std::nullopt);
}

TEST(UploadWindowTest, NoLimitIsNone) {
  UploadWindow window;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(window.Charge(uint64_t{1} << 40, 0, i), std::nullopt);
}

TEST(UploadWindowTest, AnIdleDayEmptiesIt) {
  UploadWindow window;
  EXPECT_EQ(window.Charge(100, 100, 0), std::nullopt);
  EXPECT_EQ(window.Charge(100, 100, 86'400 * kSecond), std::nullopt);
  EXPECT_EQ(window.total(), 100U);
}

}  // namespace
}  // namespace hpcc
