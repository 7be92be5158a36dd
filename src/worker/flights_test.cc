#include "worker/flights.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace hpcc {
namespace {

TEST(FlightsTest, WhoeverComesMeanwhileGetsTheResult) {
  Flights<int> flights;
  const Digest key = Digest::Of("key");
  auto first = flights.Board(key, nullptr);
  ASSERT_TRUE(first.lead.has_value());
  std::atomic<int> got{0};
  std::thread waiting([&] { got = flights.Board(key, nullptr).result.value_or(-1); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.lead->Land(42);
  waiting.join();
  EXPECT_EQ(got, 42);
  EXPECT_TRUE(flights.Board(key, nullptr).lead.has_value());
}

TEST(FlightsTest, WhenTheLeadFailsAnotherTakesIt) {
  Flights<int> flights;
  const Digest key = Digest::Of("key");
  auto first = std::make_unique<Flights<int>::Boarding>(flights.Board(key, nullptr));
  std::atomic<bool> leads{false};
  std::thread waiting([&] { leads = flights.Board(key, nullptr).lead.has_value(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first = nullptr;
  waiting.join();
  EXPECT_TRUE(leads);
}

TEST(FlightsTest, AWaitEndsWhenItIsCancelledAndKeysDontWaitForEachOther) {
  Flights<int> flights;
  auto first = flights.Board(Digest::Of("a"), nullptr);
  EXPECT_TRUE(flights.Board(Digest::Of("b"), nullptr).lead.has_value());
  auto cancelled = flights.Board(Digest::Of("a"), [] { return true; });
  EXPECT_FALSE(cancelled.lead.has_value());
  EXPECT_FALSE(cancelled.result.has_value());
}

}  // namespace
}  // namespace hpcc
