#include "dispatch/route_set.h"

#include <gmock/gmock.h>

#include <deque>
#include <map>

#include "auth/auth_test_support.h"
#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using Room = RouteSet::Room;

class RouteSetTest : public testing::Test {
 protected:
  WorkerRoute Route(const std::string& worker, int slots = 2, int64_t lasts_s = 300) {
    auto& link = links_[worker];
    if (link == nullptr) link = std::make_shared<WorkerLink>(worker, "127.0.0.1:1", "00");
    return {link, StrCat(worker, " ", ++tokens_), clock_.NowNanoseconds() / 1'000'000'000 + lasts_s,
            slots};
  }
  // The worker's name, or "". The place is kept.
  std::string Take(Room room = Room::kFree, const std::vector<std::string>& avoid = {}) {
    std::optional<TakenRoute> taken = routes_.Take(avoid, room);
    if (!taken) return "";
    std::string name = (*taken)->link->name;
    taken_.push_back(*std::move(taken));
    return name;
  }

  StandingClock clock_;
  RouteSet routes_{clock_};
  std::map<std::string, std::shared_ptr<WorkerLink>> links_;
  std::deque<TakenRoute> taken_;
  int tokens_ = 0;
};

TEST_F(RouteSetTest, CompilesGoToTheFirstThatHasAPlace) {
  EXPECT_EQ(Take(Room::kAny), "");
  routes_.Add(Route("one"));
  routes_.Add(Route("two", 1));
  EXPECT_EQ(routes_.slots(), 3);
  for (const char* worker : {"one", "one", "two", ""}) EXPECT_EQ(Take(), worker);
  taken_.pop_front();
  EXPECT_EQ(Take(), "one");
}

TEST_F(RouteSetTest, WithoutAPlaceTheOneWithTheLeastToDoIsTaken) {
  routes_.Add(Route("one", 1));
  routes_.Add(Route("two", 4));
  for (int i = 0; i < 5; ++i) Take();
  EXPECT_EQ(Take(Room::kAny, {"one"}), "two");
  EXPECT_EQ(Take(Room::kAny), "one");
  EXPECT_EQ(Take(Room::kAny), "two");
  EXPECT_EQ(Take(Room::kAny, {"one", "two"}), "");
}

TEST_F(RouteSetTest, WhoSaidThatItIsBusyComesLast) {
  const WorkerRoute one = Route("one");
  routes_.Add(one);
  routes_.Add(Route("two", 1));
  routes_.MarkBusy(one, milliseconds(500));
  EXPECT_EQ(Take(), "two");
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(Take(Room::kAny), "two");
  EXPECT_EQ(Take(Room::kAny, {"two"}), "one");
  clock_.Advance(milliseconds(500));
  EXPECT_EQ(Take(), "one");
}

TEST_F(RouteSetTest, FurtherOnesAreDroppedWhenNobodyNeedsThem) {
  for (const char* worker : {"one", "two", "three"}) routes_.Add(Route(worker, 1));
  EXPECT_EQ(Take(), "one");
  EXPECT_EQ(Take(), "two");
  clock_.Advance(seconds(61));
  EXPECT_EQ(Take(), "");
  EXPECT_THAT(routes_.workers(), ElementsAre("one", "two"));
  taken_.clear();
  EXPECT_EQ(Take(), "one");
  EXPECT_THAT(routes_.workers(), ElementsAre("one"));
}

TEST_F(RouteSetTest, ARouteThatEndsSoonIsNotTaken) {
  routes_.Add(Route("one", 2, 60));
  routes_.Add(Route("two"));
  EXPECT_EQ(Take(), "one");
  clock_.Advance(seconds(30));
  EXPECT_EQ(Take(), "two");
  EXPECT_THAT(routes_.workers(), ElementsAre("two"));
}

TEST_F(RouteSetTest, ANewRouteToAWorkerStandsInPlaceOfTheOld) {
  const WorkerRoute old = Route("one");
  routes_.Add(old);
  EXPECT_EQ(Take(), "one");
  routes_.Add(Route("one"));
  // Who still has the old one can't drop the new, and its place counts.
  routes_.Drop(old);
  EXPECT_EQ(Take(), "one");
  EXPECT_EQ(Take(), "");
}

TEST_F(RouteSetTest, ThereIsRoomForSoMany) {
  for (int i = 0; i < 20; ++i) routes_.Add(Route(StrCat("w", i)));
  EXPECT_EQ(routes_.workers().size(), RouteSet::kMax);
}

}  // namespace
}  // namespace hpcc
