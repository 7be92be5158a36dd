#include "dispatch/outage.h"

#include <gtest/gtest.h>

#include "dispatch/fallback.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kSecond = 1'000'000'000;

class OutageTest : public testing::Test {
 protected:
  Outage outage_{milliseconds(5000), milliseconds(60'000)};
  const absl::Status lost_ = Fallback(FallbackCause::kWorkerLost, "lost");
};

TEST_F(OutageTest, NobodyTriesUntilThePauseIsOverAndThenOne) {
  EXPECT_FALSE(outage_.Ask(0));
  EXPECT_TRUE(outage_.Failed(lost_, 0));
  EXPECT_TRUE(outage_.Ask(4 * kSecond));
  EXPECT_FALSE(outage_.Ask(5 * kSecond));
  EXPECT_TRUE(outage_.Ask(5 * kSecond));
  EXPECT_TRUE(outage_.Succeeded());
  EXPECT_FALSE(outage_.Ask(5 * kSecond));
  EXPECT_FALSE(outage_.Succeeded());
}

TEST_F(OutageTest, PausesGrow) {
  outage_.Failed(lost_, 0);
  EXPECT_FALSE(outage_.Failed(lost_, 0));
  EXPECT_TRUE(outage_.Ask(9 * kSecond));
  EXPECT_FALSE(outage_.Ask(10 * kSecond));
  for (int i = 0; i < 10; ++i) outage_.Failed(lost_, 0);
  EXPECT_TRUE(outage_.Ask(59 * kSecond));
  EXPECT_FALSE(outage_.Ask(60 * kSecond));
}

TEST_F(OutageTest, AnotherCauseIsNews) {
  outage_.Failed(lost_, 0);
  EXPECT_TRUE(outage_.Failed(Fallback(FallbackCause::kNoScheduler, ""), 0));
}

TEST_F(OutageTest, AnAskedForPauseIsKept) {
  outage_.Failed(lost_, 0, milliseconds(3'600'000));
  EXPECT_TRUE(outage_.Ask(3599 * kSecond));
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
