#include "daemon/lease_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace hpcc {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kSoon{20};
constexpr milliseconds kLong{10'000};

const Digest kKey = Digest::Of("a unit");

TEST(LeaseTableTest, OneHoldsAtATime) {
  LeaseTable table;
  const LeaseTable::Outcome first = table.Take(kKey, 11);
  ASSERT_TRUE(first.lease != nullptr);
  const LeaseTable::Outcome second = table.Take(kKey, 12);
  EXPECT_FALSE(second.lease != nullptr);
  EXPECT_EQ(second.holder.process, 11);
  EXPECT_TRUE(table.Take(Digest::Of("another unit"), 12).lease != nullptr);
}

TEST(LeaseTableTest, ALeaseGivenBackIsFreeAndCounted) {
  LeaseTable table;
  const uint64_t ended = table.ended();
  { const LeaseTable::Outcome first = table.Take(kKey, 11); }
  EXPECT_EQ(table.held(), 0u);
  EXPECT_NE(table.ended(), ended);
  EXPECT_TRUE(table.Take(kKey, 12).lease != nullptr);
}

TEST(LeaseTableTest, WhoWaitsIsWokenByTheEnd) {
  LeaseTable table;
  std::optional<LeaseTable::Outcome> first = table.Take(kKey, 11);
  const LeaseTable::Holder holder = table.Take(kKey, 12).holder;
  EXPECT_FALSE(table.WaitForEndOf(kKey, holder, kSoon));
  std::thread other([&] { first.reset(); });
  EXPECT_TRUE(table.WaitForEndOf(kKey, holder, kLong));
  other.join();
}

TEST(LeaseTableTest, AHolderNobodyBelievesInLosesItsLease) {
  LeaseTable table;
  std::optional<LeaseTable::Outcome> stuck = table.Take(kKey, 11);
  const LeaseTable::Holder holder = table.Take(kKey, 12).holder;
  const LeaseTable::Outcome taken_over = table.Take(kKey, 12, holder.lease);
  ASSERT_TRUE(taken_over.lease != nullptr);
  EXPECT_TRUE(table.WaitForEndOf(kKey, holder, kSoon));
  // Of several who lost patience with the same holder one takes over; the others wait for that one.
  EXPECT_EQ(table.Take(kKey, 13, holder.lease).holder.process, 12);
  // What the first gives back later is not its own any more.
  stuck.reset();
  EXPECT_EQ(table.held(), 1u);
}

}  // namespace
}  // namespace hpcc
