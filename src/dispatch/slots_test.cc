#include "dispatch/slots.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace hpcc {
namespace {

bool Forever() {
  return true;
}
constexpr std::chrono::milliseconds kNoWait{0};

TEST(SlotsTest, NoMoreAreTakenThanThereAre) {
  Slots slots;
  slots.SetCapacity(2);
  const Slots::Slot one = slots.Take(kNoWait, Forever);
  {
    const Slots::Slot two = slots.Take(kNoWait, Forever);
    EXPECT_TRUE(one && two);
    EXPECT_FALSE(slots.Take(kNoWait, Forever));
    EXPECT_EQ(slots.in_use(), 2);
  }
  EXPECT_TRUE(slots.Take(kNoWait, Forever));
  EXPECT_EQ(slots.in_use(), 1);
}

TEST(SlotsTest, TheLimitGrowsWithWhatGoesWellAndShrinksWhenToldSo) {
  Slots slots;
  slots.SetCapacity(4);
  for (int i = 0; i < 5; ++i) slots.WentWell();
  EXPECT_EQ(slots.limit(), 5);
  std::vector<Slots::Slot> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(slots.Take(kNoWait, Forever));
  for (int i = 0; i < 4; ++i) slots.PushedBack();
  EXPECT_EQ(slots.limit(), 3);
}

TEST(SlotsTest, ThereIsAlwaysOne) {
  Slots slots;
  slots.SetCapacity(1);
  slots.PushedBack();
  EXPECT_EQ(slots.limit(), 1);
}

TEST(SlotsTest, WhoIsNotWaitedForGetsNone) {
  Slots slots;
  slots.SetCapacity(1);
  const Slots::Slot one = slots.Take(kNoWait, Forever);
  EXPECT_FALSE(slots.Take(std::chrono::milliseconds(60'000), [] { return false; }));
}

}  // namespace
}  // namespace hpcc
