#include "worker/flights.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

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

TEST(FlightsTest, WhereTwoLeadsFailWhoeverWaitedForBothGoesAtOnce) {
  Flights<int> flights;
  const Digest key = Digest::Of("key");
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::thread::id> waiting;  // who was asked whether to go on, since it was cleared
  int leads = 0;
  const auto bounded_wait = [&](std::unique_lock<std::mutex>& lock, const auto& what) {
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(10), what));
  };
  const auto board = [&] {
    return flights.Board(key, [&] {
      const std::lock_guard lock(mutex);
      waiting.insert(std::this_thread::get_id());
      changed.notify_all();
      return false;
    });
  };
  auto first = std::make_unique<Flights<int>::Boarding>(board());
  std::vector<std::thread> crowd;
  for (int i = 0; i < 5; ++i) {
    crowd.emplace_back([&] {
      const auto boarding = board();
      std::unique_lock lock(mutex);
      EXPECT_TRUE(boarding.lead.has_value());
      changed.notify_all();
      if (++leads == 1) {  // the second lead: fails when all others wait for it
        waiting.clear();
        return bounded_wait(lock, [&] { return waiting.size() == 4; });
      }
      bounded_wait(lock, [&] { return leads == 5; });
    });
  }
  {
    std::unique_lock lock(mutex);
    bounded_wait(lock, [&] { return waiting.size() == 5; });
  }
  first = nullptr;
  for (std::thread& one : crowd) one.join();
  EXPECT_EQ(leads, 5);
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
