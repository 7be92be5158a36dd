#include "worker/result_memo.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::shared_ptr<const StoredResult> ResultOf(std::string bundle) {
  return std::make_shared<const StoredResult>(
      StoredResult{.isolation = "process", .outputs = {}, .bundle = std::move(bundle)});
}

Digest Key(int number) {
  return Digest::Of(std::to_string(number));
}

TEST(ResultMemoTest, GivesWhatWasAddedUnderThatKeyOnly) {
  ResultMemo memo(1 << 20);
  memo.Add(Key(1), ResultOf("one"), 0);
  ASSERT_NE(memo.Find(Key(1), 0), nullptr);
  EXPECT_EQ(memo.Find(Key(1), 0)->bundle, "one");
  EXPECT_EQ(memo.Find(Key(2), 0), nullptr);
  memo.Add(Key(1), ResultOf("another"), 0);
  EXPECT_EQ(memo.Find(Key(1), 0)->bundle, "another");
}

TEST(ResultMemoTest, AfterAMinuteTheDiskIsAskedAgain) {
  ResultMemo memo(1 << 20);
  memo.Add(Key(1), ResultOf("one"), 5 * kSecond);
  EXPECT_NE(memo.Find(Key(1), 64 * kSecond), nullptr);
  EXPECT_EQ(memo.Find(Key(1), 65 * kSecond), nullptr);
  EXPECT_EQ(memo.bytes(), 0U);
}

TEST(ResultMemoTest, IsBoundedAndTheOneUsedLeastRecentlyGoesFirst) {
  ResultMemo memo(64 << 10);
  const std::string bundle(3000, 'x');
  for (int i = 0; i < 10; ++i) memo.Add(Key(i), ResultOf(bundle), 0);
  for (int i = 10; i < 1000; ++i) {
    EXPECT_NE(memo.Find(Key(0), 0), nullptr);
    memo.Add(Key(i), ResultOf(bundle), 0);
    EXPECT_LE(memo.bytes(), size_t{64} << 10);
  }
  EXPECT_EQ(memo.Find(Key(1), 0), nullptr);
  EXPECT_NE(memo.Find(Key(999), 0), nullptr);
}

TEST(ResultMemoTest, ALargeResultIsSharedWhileSomebodyHoldsIt) {
  ResultMemo memo(64 << 10);
  auto first = memo.Add(Key(1), ResultOf(std::string(5000, 'x')), 0);
  // Another has read it meanwhile: one copy is enough.
  auto second = memo.Add(Key(1), ResultOf(std::string(5000, 'x')), 0);
  EXPECT_EQ(first, second);
  EXPECT_EQ(memo.Find(Key(1), 0), first);
  EXPECT_LT(memo.bytes(), 1000U);
  first = nullptr;
  EXPECT_EQ(memo.Find(Key(1), 0), second);
  second = nullptr;
  EXPECT_EQ(memo.Find(Key(1), 0), nullptr);
  EXPECT_EQ(memo.bytes(), 0U);
}

TEST(ResultMemoTest, TheDiskIsAskedForALargeResultThatIsHeldToo) {
  ResultMemo memo(64 << 10);
  const auto held = memo.Add(Key(1), ResultOf(std::string(5000, 'x')), 0);
  EXPECT_EQ(memo.Find(Key(1), 60 * kSecond), nullptr);
}

TEST(ResultMemoTest, OneResultDoesNotPushOutAllOthers) {
  ResultMemo memo(64 << 10);
  memo.Add(Key(1), ResultOf("one"), 0);
  memo.Add(Key(2), ResultOf(std::string(5000, 'x')), 0);
  EXPECT_EQ(memo.Find(Key(2), 0), nullptr);
  EXPECT_NE(memo.Find(Key(1), 0), nullptr);
}

}  // namespace
}  // namespace hpcc
