#include "worker/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(TurnsTest, SoManyAtOnceAndNotOneMore) {
  Turns turns(2);
  const Turns::Turn first = turns.Take(milliseconds(0));
  {
    const Turns::Turn second = turns.Take(milliseconds(0));
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(turns.Take(milliseconds(0)));
    EXPECT_FALSE(turns.Take(milliseconds(20)));
  }
  EXPECT_TRUE(turns.Take(milliseconds(0)));
}

TEST(TurnsTest, WhoeverWaitsIsServedInTurn) {
  Turns turns(1);
  std::vector<int> order;  // written in a turn only
  std::vector<std::thread> threads;
  {
    const Turns::Turn mine = turns.Take(milliseconds(0));
    for (int i = 0; i < 5; ++i) {
      threads.emplace_back([&turns, &order, i] {
        const Turns::Turn turn = turns.Take(seconds(20));
        EXPECT_TRUE(turn);
        order.push_back(i);
      });
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(TurnsTest, WhoeverIsCancelledWaitsNoLonger) {
  Turns turns(1);
  const Turns::Turn mine = turns.Take(milliseconds(0));
  const auto start = steady_clock::now();
  std::atomic<int> questions{0};
  EXPECT_FALSE(turns.Take(seconds(60), [&questions] { return ++questions > 2; }));
  EXPECT_LT(steady_clock::now() - start, seconds(30));
}

TEST(TurnsTest, WhoeverGivesUpIsInNobodysWay) {
  Turns turns(1);
  std::thread waiting;
  std::atomic<bool> served{false};
  {
    const Turns::Turn mine = turns.Take(milliseconds(0));
    std::thread impatient([&turns] { EXPECT_FALSE(turns.Take(milliseconds(200))); });
    std::this_thread::sleep_for(milliseconds(50));
    waiting = std::thread([&] { served = static_cast<bool>(turns.Take(seconds(20))); });
    impatient.join();
  }
  waiting.join();
  EXPECT_TRUE(served);
}

}  // namespace
}  // namespace hpcc
