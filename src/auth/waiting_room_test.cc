#include "auth/waiting_room.h"

#include <gtest/gtest.h>

#include <vector>

namespace hpcc {
namespace {

TEST(WaitingRoomTest, OneServerDoesNotTakeThePlacesOfAnother) {
  WaitingRoom room(2, 10);
  std::vector<WaitingRoom::Place> places;
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(places.emplace_back(room.Enter("slow")));
  EXPECT_FALSE(room.Enter("slow"));
  EXPECT_TRUE(room.Enter("quick"));
}

TEST(WaitingRoomTest, AllTogetherHaveABound) {
  WaitingRoom room(2, 3);
  std::vector<WaitingRoom::Place> places;
  places.push_back(room.Enter("a"));
  places.push_back(room.Enter("b"));
  places.push_back(room.Enter("c"));
  EXPECT_FALSE(room.Enter("d"));
}

TEST(WaitingRoomTest, APlaceIsGivenBackOnce) {
  WaitingRoom room(1, 1);
  {
    WaitingRoom::Place place = room.Enter("a");
    const WaitingRoom::Place moved = std::move(place);
    EXPECT_FALSE(place);  // NOLINT(bugprone-use-after-move): this is what is asked
    EXPECT_TRUE(moved);
    EXPECT_FALSE(room.Enter("a"));
  }
  EXPECT_TRUE(room.Enter("a"));
}

}  // namespace
}  // namespace hpcc
