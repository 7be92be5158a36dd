#include "worker/answer_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "worker/limits.h"

namespace hpcc {
namespace {

std::shared_ptr<const StoredResult> ResultOf(size_t bytes) {
  StoredResult result;
  result.bundle.assign(bytes, 'x');
  return std::make_shared<const StoredResult>(std::move(result));
}

TEST(AnswerBudgetTest, AnAnswerCountsUntilItsShareGoes) {
  AnswerBudget budget(10'000, 10'000);
  {
    const AnswerBudget::Share share = budget.Enter("acme", ResultOf(1000));
    EXPECT_TRUE(share);
    EXPECT_EQ(budget.bytes(), 2000U);  // the result, and the message it leaves in
  }
  EXPECT_EQ(budget.bytes(), 0U);
}

TEST(AnswerBudgetTest, AResultThatManyAnswersShareCountsOnce) {
  const size_t size = 4 * kReplyChunkBytes;
  AnswerBudget budget(size + 10 * kReplyChunkBytes, size + 10 * kReplyChunkBytes);
  const auto result = ResultOf(size);
  std::vector<AnswerBudget::Share> shares;
  for (int i = 0; i < 10; ++i) {
    shares.push_back(budget.Enter("acme", result));
    EXPECT_TRUE(shares.back()) << i;
  }
  EXPECT_EQ(budget.bytes(), size + 10 * kReplyChunkBytes);
  EXPECT_FALSE(budget.Enter("acme", result));
  EXPECT_FALSE(budget.HasRoom("acme"));
  shares.pop_back();
  EXPECT_TRUE(budget.Enter("acme", result));
  shares.clear();
  EXPECT_EQ(budget.bytes(), 0U);
}

TEST(AnswerBudgetTest, OneTenantLeavesRoomForAnother) {
  AnswerBudget budget(10'000, 4000);
  const AnswerBudget::Share first = budget.Enter("a", ResultOf(1000));
  const AnswerBudget::Share second = budget.Enter("a", ResultOf(1000));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(budget.HasRoom("a"));
  EXPECT_FALSE(budget.Enter("a", ResultOf(1)));
  EXPECT_TRUE(budget.HasRoom("b"));
  EXPECT_TRUE(budget.Enter("b", ResultOf(1000)));
}

TEST(AnswerBudgetTest, OneAnswerAlwaysFits) {
  AnswerBudget budget(1000, 100);
  {
    const AnswerBudget::Share large = budget.Enter("a", ResultOf(5000));
    EXPECT_TRUE(large);
    EXPECT_FALSE(budget.Enter("a", ResultOf(1)));
    EXPECT_FALSE(budget.Enter("b", ResultOf(1))) << "the worker's bytes are all taken";
  }
  const AnswerBudget::Share small = budget.Enter("a", ResultOf(10));
  EXPECT_TRUE(small);
  EXPECT_TRUE(budget.Enter("b", ResultOf(5000)));
  EXPECT_FALSE(budget.Enter("a", ResultOf(5000)));
}

TEST(AnswerBudgetTest, EmptyAnswersTakeNothing) {
  AnswerBudget budget(100, 100);
  { const AnswerBudget::Share share = budget.Enter("a", ResultOf(0)); }
  EXPECT_EQ(budget.bytes(), 0U);
}

TEST(AnswerBudgetTest, AShareMayGoLast) {
  auto budget = std::make_unique<AnswerBudget>(100, 100);
  const AnswerBudget::Share share = budget->Enter("a", ResultOf(10));
  budget = nullptr;
  EXPECT_TRUE(share);
}

TEST(AnswerBudgetTest, ThreadsComeAndGo) {
  AnswerBudget budget(1 << 20, 1 << 18);
  const auto shared = ResultOf(1000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&budget, &shared, i] {
      const std::string tenant = std::to_string(i % 2);
      for (int n = 0; n < 1000; ++n) {
        const AnswerBudget::Share own = budget.Enter(tenant, ResultOf(n));
        const AnswerBudget::Share of_all = budget.Enter("c", shared);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.bytes(), 0U);
}

}  // namespace
}  // namespace hpcc
