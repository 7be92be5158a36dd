#include "sandbox/vm_made_once.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

using Things = MadeOnce<int>;

Things::Maker Gives(int value) {
  return [value](milliseconds) { return std::make_shared<const int>(value); };
}
Things::Maker Fails() {
  return [](milliseconds) { return absl::InternalError("broken"); };
}

TEST(MadeOnceTest, WhatIsMadeIsMadeOnceForEachKey) {
  Things things(8);
  EXPECT_EQ(**things.Get("a", seconds(1), Gives(1)), 1);
  EXPECT_EQ(**things.Get("a", seconds(1), Gives(2)), 1);
  EXPECT_EQ(**things.Get("b", seconds(1), Gives(3)), 3);
}

TEST(MadeOnceTest, SeveralThatWantTheSameWaitForOneMaker) {
  Things things(8);
  std::atomic<int> makers{0};
  const Things::Maker slow = [&makers](milliseconds) {
    ++makers;
    std::this_thread::sleep_for(milliseconds(100));
    return std::make_shared<const int>(7);
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] { EXPECT_EQ(**things.Get("a", seconds(60), slow), 7); });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(makers, 1);
}

TEST(MadeOnceTest, WhoWaitsForAnothersMakerWaitsNoLongerThanItsOwnBound) {
  Things things(8);
  std::promise<void> began;
  std::promise<void> enough;
  std::thread maker([&] {
    EXPECT_TRUE(things
                    .Get("a", seconds(60),
                         [&](milliseconds) -> absl::StatusOr<Things::Made> {
                           began.set_value();
                           enough.get_future().wait();
                           return std::make_shared<const int>(1);
                         })
                    .ok());
  });
  began.get_future().wait();
  const auto start = steady_clock::now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(things.Get("a", milliseconds(50), Gives(2)).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(things.Get("a", milliseconds(-5), Gives(2)).status()));
  EXPECT_LT(steady_clock::now() - start, seconds(10));
  // Another key has nothing to wait for.
  EXPECT_EQ(**things.Get("b", milliseconds(50), Gives(3)), 3);
  enough.set_value();
  maker.join();
  EXPECT_EQ(**things.Get("a", milliseconds(0), Gives(2)), 1);
}

TEST(MadeOnceTest, AfterAMakerThatFailedTheNextOneWhoWaitsMakesItWithWhatIsLeftOfItsBound) {
  Things things(8);
  std::promise<void> began;
  std::thread failing([&] {
    EXPECT_TRUE(absl::IsInternal(things
                                     .Get("a", seconds(60),
                                          [&](milliseconds) -> absl::StatusOr<Things::Made> {
                                            began.set_value();
                                            std::this_thread::sleep_for(milliseconds(100));
                                            return absl::InternalError("broken");
                                          })
                                     .status()));
  });
  began.get_future().wait();
  milliseconds left{0};
  const auto made = things.Get("a", seconds(60), [&left](milliseconds bound) {
    left = bound;
    return std::make_shared<const int>(2);
  });
  failing.join();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(**made, 2);
  EXPECT_LT(left, seconds(60));
}

TEST(MadeOnceTest, AfterAFailureNobodyTriesAgainBeforeThePauseIsOver) {
  Things things(8, milliseconds(200));
  EXPECT_TRUE(absl::IsInternal(things.Get("a", seconds(1), Fails()).status()));
  const auto failed = steady_clock::now();
  const absl::StatusOr<Things::Made> again = things.Get("a", seconds(1), Gives(1));
  if (steady_clock::now() - failed < milliseconds(150)) {
    EXPECT_TRUE(absl::IsInternal(again.status()));
  }
  EXPECT_EQ(**things.Get("b", seconds(1), Gives(2)), 2);
  std::this_thread::sleep_until(failed + milliseconds(250));
  EXPECT_EQ(**things.Get("a", seconds(1), Gives(1)), 1);
}

TEST(MadeOnceTest, TheLeastRecentlyUsedGoesWhenThereAreTooMany) {
  Things things(2);
  const Things::Made first = *things.Get("a", seconds(1), Gives(1));
  EXPECT_EQ(**things.Get("b", seconds(1), Gives(2)), 2);
  EXPECT_EQ(*things.Get("a", seconds(1), Gives(0)), first);
  EXPECT_EQ(**things.Get("c", seconds(1), Gives(3)), 3);
  EXPECT_EQ(*things.Get("a", seconds(1), Gives(0)), first);
  EXPECT_EQ(**things.Get("b", seconds(1), Gives(4)), 4);
}

TEST(MadeOnceTest, OneThatIsForgottenIsMadeAgainUnlessAnotherHasDoneSo) {
  Things things(8);
  const Things::Made first = *things.Get("a", seconds(1), Gives(1));
  things.Forget("a", first);
  const Things::Made second = *things.Get("a", seconds(1), Gives(2));
  EXPECT_EQ(*second, 2);
  things.Forget("a", first);
  EXPECT_EQ(*things.Get("a", seconds(1), Gives(3)), second);
}

}  // namespace
}  // namespace hpcc
