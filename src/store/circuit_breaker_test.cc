#include "store/circuit_breaker.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

using Verdict = CircuitBreaker::Verdict;
using std::chrono::milliseconds;

constexpr int64_t Ms(int64_t ms) {
  return ms * 1'000'000;
}

TEST(CircuitBreakerTest, QuickFailuresInARowSuspend) {
  CircuitBreaker breaker({});
  for (int i = 1; i <= 3; ++i) EXPECT_FALSE(breaker.Report(Ms(i), Ms(i), 1));
  EXPECT_EQ(breaker.Report(Ms(4), Ms(4), 1), milliseconds(5000));
  EXPECT_EQ(breaker.Ask(Ms(5)), Verdict::kSkip);
  EXPECT_TRUE(breaker.suspended());
}

TEST(CircuitBreakerTest, ASuccessBetweenQuickFailuresKeepsItGoing) {
  CircuitBreaker breaker({});
  for (int i = 1; i <= 100; ++i) EXPECT_FALSE(breaker.Report(Ms(i), Ms(i), i % 4 == 0 ? 0 : 1));
  EXPECT_EQ(breaker.Ask(Ms(101)), Verdict::kGo);
}

TEST(CircuitBreakerTest, TheFirstTimeoutSuspendsAndThoseBesideItAddNothing) {
  CircuitBreaker breaker({});
  EXPECT_TRUE(breaker.Report(Ms(0), Ms(2000), 1));
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(breaker.Report(Ms(i), Ms(2000 + i), 1));
  EXPECT_EQ(breaker.suspensions(), 1u);
}

TEST(CircuitBreakerTest, OneSlowFailureInTenSuspendsToo) {
  BreakerOptions options;
  options.lost_time = milliseconds(3000);
  CircuitBreaker breaker(options);
  int64_t now = Ms(1);
  bool suspended = false;
  for (int i = 1; i <= 20 && !suspended; ++i) {
    const int64_t took = i % 10 == 0 ? Ms(2000) : Ms(10);
    suspended = breaker.Report(now, now + took, i % 10 == 0 ? 1 : 0).has_value();
    now += took;
  }
  EXPECT_TRUE(suspended);
}

TEST(CircuitBreakerTest, LostTimeIsForgivenSlowly) {
  CircuitBreaker breaker({});
  EXPECT_FALSE(breaker.Report(Ms(1), Ms(1001), 1));
  EXPECT_FALSE(breaker.Report(Ms(1001), Ms(1001), 0));
  // At one in a hundred, 100 s forgive that second.
  EXPECT_FALSE(breaker.Report(Ms(110000), Ms(111000), 1));
  EXPECT_FALSE(breaker.suspended());
  EXPECT_TRUE(breaker.Report(Ms(111000), Ms(112000), 1));
}

TEST(CircuitBreakerTest, OneCallerProbesAndTheOthersGoOnSkipping) {
  CircuitBreaker breaker({});
  breaker.Report(0, Ms(2000), 1);
  EXPECT_EQ(breaker.Ask(Ms(6999)), Verdict::kSkip);
  EXPECT_EQ(breaker.Ask(Ms(7000)), Verdict::kProbe);
  EXPECT_EQ(breaker.Ask(Ms(7001)), Verdict::kSkip);
  EXPECT_TRUE(breaker.ReportProbe(Ms(7002), Ms(7002), /*failed=*/false));
  EXPECT_EQ(breaker.Ask(Ms(7003)), Verdict::kGo);
}

TEST(CircuitBreakerTest, FailedProbesComeLessAndLessOften) {
  CircuitBreaker breaker({});
  int64_t now = Ms(2000);
  breaker.Report(0, now, 1);
  int64_t pause = 5000;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(breaker.Ask(now + Ms(pause) - 1), Verdict::kSkip);
    now += Ms(pause);
    ASSERT_EQ(breaker.Ask(now), Verdict::kProbe);
    EXPECT_FALSE(breaker.ReportProbe(now, now, /*failed=*/true));
    pause = std::min<int64_t>(pause * 2, 60000);
  }
  EXPECT_EQ(pause, 60000);
}

TEST(CircuitBreakerTest, PausesGrowFromSuspensionToSuspensionUntilACalm) {
  CircuitBreaker breaker({});
  EXPECT_EQ(breaker.Report(0, Ms(2000), 1), milliseconds(5000));
  ASSERT_EQ(breaker.Ask(Ms(7000)), Verdict::kProbe);
  breaker.ReportProbe(Ms(7000), Ms(7000), false);
  EXPECT_EQ(breaker.Report(Ms(8000), Ms(10000), 1), milliseconds(10000));
  ASSERT_EQ(breaker.Ask(Ms(20000)), Verdict::kProbe);
  breaker.ReportProbe(Ms(20000), Ms(20000), false);
  EXPECT_EQ(breaker.Report(Ms(400000), Ms(402000), 1), milliseconds(5000));
}

TEST(CircuitBreakerTest, SlowAnswersSuspendWhenTheyHaveCostTooMuch) {
  CircuitBreaker breaker({});
  EXPECT_FALSE(breaker.Report(Ms(0), Ms(1800), 0));
  EXPECT_EQ(breaker.Report(Ms(1800), Ms(3600), 0), milliseconds(5000));
  EXPECT_EQ(breaker.Ask(Ms(3601)), Verdict::kSkip);
}

TEST(CircuitBreakerTest, SlowAnswersSideBySideCostTheirTimeOnce) {
  CircuitBreaker breaker({});
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(breaker.Report(Ms(i), Ms(1800 + i), 0)) << i;
  EXPECT_TRUE(breaker.Report(Ms(1808), Ms(3600), 0));
}

TEST(CircuitBreakerTest, OneSlowAnswerInTenSuspendsAndOneInAHundredDoesNot) {
  for (const int every : {10, 100}) {
    CircuitBreaker breaker({});
    int64_t now = Ms(1);
    for (int i = 1; i <= 1000; ++i) {
      const int64_t took = i % every == 0 ? Ms(1800) : Ms(10);
      breaker.Report(now, now + took, 0);
      now += took;
    }
    EXPECT_EQ(breaker.suspended(), every == 10) << every;
  }
}

TEST(CircuitBreakerTest, AProbeThatIsSlowDoesNotEndASuspension) {
  CircuitBreaker breaker({});
  breaker.Report(0, Ms(2000), 1);
  ASSERT_EQ(breaker.Ask(Ms(7000)), Verdict::kProbe);
  EXPECT_FALSE(breaker.ReportProbe(Ms(7000), Ms(8800), /*failed=*/false));
  EXPECT_EQ(breaker.Ask(Ms(8801)), Verdict::kSkip);
  ASSERT_EQ(breaker.Ask(Ms(18800)), Verdict::kProbe);
  EXPECT_TRUE(breaker.ReportProbe(Ms(18800), Ms(18810), /*failed=*/false));
}

TEST(CircuitBreakerTest, WhereNobodyWaitsNoAnswerIsSlow) {
  BreakerOptions options;
  options.slow_answer = milliseconds(0);
  CircuitBreaker breaker(options);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(breaker.Report(Ms(5000 * i), Ms(5000 * i + 4900), 0));
}

TEST(CircuitBreakerTest, TellsHowLongItHoldsUp) {
  CircuitBreaker breaker({});
  EXPECT_EQ(breaker.HeldUpFor(Ms(1)).count(), 0);
  breaker.Report(0, Ms(2000), 1);
  EXPECT_EQ(breaker.HeldUpFor(Ms(3000)), milliseconds(4000));
  EXPECT_EQ(breaker.HeldUpFor(Ms(7000)).count(), 0);
  ASSERT_EQ(breaker.Ask(Ms(7000)), Verdict::kProbe);
  EXPECT_GT(breaker.HeldUpFor(Ms(7000)).count(), 0);
}

TEST(CircuitBreakerTest, AFailureMayCountForSeveral) {
  CircuitBreaker breaker({});
  EXPECT_TRUE(breaker.Report(1, 2, 4));
}

}  // namespace
}  // namespace hpcc
