#include "dispatch/outage.h"

#include <gtest/gtest.h>

#include <vector>

#include "dispatch/fallback.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kSecond = 1'000'000'000;

class OutageTest : public testing::Test {
 protected:
  // And goes on trying until it has reported.
  bool MayTry(int64_t now_ns) {
    absl::StatusOr<Outage::Turn> turn = outage_.Ask(now_ns);
    const bool may = turn.ok();
    turns_.push_back(std::move(turn));
    return may;
  }

  Outage outage_{milliseconds(5000), milliseconds(60'000)};
  std::vector<absl::StatusOr<Outage::Turn>> turns_;
  const absl::Status lost_ = Fallback(FallbackCause::kWorkerLost, "lost");
};

TEST_F(OutageTest, NobodyTriesUntilThePauseIsOverAndThenOne) {
  EXPECT_TRUE(MayTry(0));
  EXPECT_TRUE(outage_.Failed(lost_, 0));
  EXPECT_FALSE(MayTry(4 * kSecond));
  EXPECT_TRUE(MayTry(5 * kSecond));
  EXPECT_FALSE(MayTry(5 * kSecond));
  EXPECT_TRUE(outage_.Succeeded(5 * kSecond));
  EXPECT_TRUE(MayTry(5 * kSecond));
  EXPECT_FALSE(outage_.Succeeded(5 * kSecond));
}

TEST_F(OutageTest, PausesGrow) {
  outage_.Failed(lost_, 0);
  EXPECT_FALSE(outage_.Failed(lost_, 0));
  EXPECT_FALSE(MayTry(9 * kSecond));
  EXPECT_TRUE(MayTry(10 * kSecond));
  for (int i = 0; i < 10; ++i) outage_.Failed(lost_, 0);
  EXPECT_FALSE(MayTry(59 * kSecond));
  EXPECT_TRUE(MayTry(60 * kSecond));
}

TEST_F(OutageTest, WhoFindsOutNothingLeavesItToTheNext) {
  outage_.Failed(lost_, 0);
  EXPECT_TRUE(MayTry(5 * kSecond));
  EXPECT_FALSE(MayTry(6 * kSecond));
  turns_.clear();
  EXPECT_TRUE(MayTry(6 * kSecond));
  EXPECT_FALSE(MayTry(6 * kSecond));
  // A report makes a turn's end mean nothing.
  outage_.Failed(lost_, 6 * kSecond);
  turns_.clear();
  EXPECT_FALSE(MayTry(15 * kSecond));
  EXPECT_TRUE(MayTry(16 * kSecond));
}

TEST_F(OutageTest, TheTurnOfSomebodyElseIsNotGivenBack) {
  EXPECT_TRUE(MayTry(0));
  outage_.Failed(lost_, 0);
  const absl::StatusOr<Outage::Turn> turn = outage_.Ask(5 * kSecond);
  EXPECT_TRUE(turn.ok());
  // The first began before the outage did.
  turns_.clear();
  EXPECT_FALSE(MayTry(6 * kSecond));
}

TEST_F(OutageTest, AnotherCauseIsNews) {
  outage_.Failed(lost_, 0);
  EXPECT_TRUE(outage_.Failed(Fallback(FallbackCause::kNoScheduler, ""), 0));
}

TEST_F(OutageTest, AnAskedForPauseIsKept) {
  outage_.Failed(lost_, 0, milliseconds(3'600'000));
  EXPECT_FALSE(MayTry(3599 * kSecond));
}

TEST_F(OutageTest, WhatWasUnderWayBeforeAnAskedForPauseDoesNotEndIt) {
  EXPECT_TRUE(outage_.Failed(lost_, 0, milliseconds(60'000)));
  EXPECT_FALSE(outage_.Succeeded(kSecond));
  EXPECT_FALSE(MayTry(2 * kSecond));
  EXPECT_TRUE(MayTry(60 * kSecond));
  EXPECT_TRUE(outage_.Succeeded(61 * kSecond));
}

TEST(FallbackTest, ErrorsOfWorkersLeadToCauses) {
  EXPECT_EQ(CauseOfWorkerError(absl::UnavailableError("")), FallbackCause::kWorkerLost);
  EXPECT_EQ(CauseOfWorkerError(absl::PermissionDeniedError("")), FallbackCause::kRefused);
  EXPECT_EQ(CauseOfWorkerError(absl::ResourceExhaustedError("")), FallbackCause::kBusy);
  EXPECT_EQ(CauseOfWorkerError(absl::FailedPreconditionError("blobs are missing: 3")),
            FallbackCause::kMissingBlobs);
  EXPECT_EQ(CauseOfWorkerError(absl::FailedPreconditionError("another compiler")),
            FallbackCause::kImageDiffers);
  EXPECT_EQ(CauseOfWorkerError(absl::AbortedError("")), FallbackCause::kChanged);
  EXPECT_EQ(CauseOf(absl::InternalError("")), FallbackCause::kError);
}

}  // namespace
}  // namespace hpcc
