#include "store/object_eviction.h"

#include <gtest/gtest.h>

#include <thread>

#include "store/object_names.h"
#include "store/remote_objects_test_util.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

class ObjectEvictionTest : public testing::Test {
 protected:
  // Objects of 1000 bytes; the higher the number, the later used.
  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      objects_.Set(ObjectName("ns", ResultKey(i)), std::string(1000, 'x'), i + 1);
    }
  }
  bool IsThere(int number) const {
    return objects_.objects().count(ObjectName("ns", ResultKey(number))) == 1;
  }

  SteppingClock clock_;
  FakeObjectStore objects_{clock_};
  const std::atomic<bool> never_{false};
};

TEST_F(ObjectEvictionTest, TheFirstEstimateIsASampleOfFewRequests) {
  Fill(20000);
  ObjectEviction eviction(objects_, "ns", uint64_t{1} << 40, clock_);
  EXPECT_TRUE(eviction.Added(0));
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(objects_.calls("list"), 2);
  EXPECT_NEAR(static_cast<double>(eviction.estimated_size()), 20e6, 3e6);
  EXPECT_FALSE(eviction.Added(1000));
}

TEST_F(ObjectEvictionTest, NothingIsListedWholeUntilTheLimitIsOvershotByATenth) {
  Fill(110);
  objects_.page_size = 30;
  ObjectEviction eviction(objects_, "ns", 200000, clock_);
  EXPECT_TRUE(eviction.Added(0));
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(objects_.calls("list"), 2);
  EXPECT_EQ(objects_.calls("remove"), 0);
}

TEST_F(ObjectEvictionTest, WhatOthersPutIsSeenByAnotherSample) {
  ObjectEviction eviction(objects_, "ns", 100000, clock_);
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(eviction.estimated_size(), 0u);
  Fill(120);
  EXPECT_FALSE(eviction.Added(5000));
  EXPECT_TRUE(eviction.Added(1));
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(objects_.objects().size(), 90u);
  EXPECT_EQ(eviction.estimated_size(), 90000u);
}

TEST_F(ObjectEvictionTest, TheLeastRecentlyUsedGoUntilNineTenthsAreLeft) {
  ObjectEviction eviction(objects_, "ns", 100000, clock_);
  ASSERT_TRUE(eviction.Run(never_).ok());
  Fill(120);
  objects_.Set(ObjectName("ns", ResultKey(0)), std::string(1000, 'x'), 1000);  // used just now
  objects_.Set("cache/ns/hpcc-check", "not a value", 0);
  objects_.Set("cache/other/result/x", std::string(99999, 'x'), 0);
  ASSERT_TRUE(eviction.Added(120000));
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(eviction.evicted(), 30u);
  EXPECT_EQ(eviction.estimated_size(), 90000u);
  EXPECT_TRUE(IsThere(0));
  for (int i = 1; i <= 30; ++i) EXPECT_FALSE(IsThere(i)) << i;
  for (int i = 31; i < 120; ++i) EXPECT_TRUE(IsThere(i)) << i;
  EXPECT_EQ(objects_.objects().count("cache/ns/hpcc-check"), 1u);
  EXPECT_EQ(objects_.objects().count("cache/other/result/x"), 1u);
}

TEST_F(ObjectEvictionTest, MoreThanIsRememberedIsCountedAndTheOldestOfAllGo) {
  Fill(150);
  objects_.page_size = 75;
  // Far fewer than are there, and fewer than are too many.
  ObjectEviction eviction(objects_, "ns", 100000, clock_, /*most_evicted_at_once=*/20);
  ASSERT_TRUE(eviction.Added(150000));
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(eviction.evicted(), 20u);
  EXPECT_EQ(eviction.estimated_size(), 130000u);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(IsThere(i)) << i;
  for (int i = 20; i < 150; ++i) EXPECT_TRUE(IsThere(i)) << i;
  // It is still too large, and known to be: the next value put sees to it.
  while (eviction.Added(0)) ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(objects_.objects().size(), 110u);
  ASSERT_TRUE(eviction.Added(1));
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(objects_.objects().size(), 90u);
  EXPECT_TRUE(IsThere(149));
}

TEST_F(ObjectEvictionTest, ThreeAtOnceRemoveNoMoreThanOneWould) {
  Fill(120);
  std::vector<std::unique_ptr<ObjectEviction>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<ObjectEviction>(objects_, "ns", 100000, clock_));
    clients.back()->Added(120000);
  }
  std::vector<std::thread> threads;
  for (auto& client : clients) {
    threads.emplace_back([&] { EXPECT_TRUE(client->Run(never_).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(objects_.objects().size(), 90u);
  EXPECT_TRUE(IsThere(119));
}

TEST_F(ObjectEvictionTest, WhoComesWhileOneRunsIsDoneAtOnceAndAddsNothing) {
  Fill(120);
  ObjectEviction eviction(objects_, "ns", 100000, clock_);
  eviction.Added(120000);
  int meanwhile = 0;
  objects_.before = [&](std::string_view) {
    ++meanwhile;
    EXPECT_FALSE(eviction.Added(1));
    EXPECT_TRUE(eviction.Run(never_).ok());
    return absl::OkStatus();
  };
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(meanwhile, objects_.calls("list") + objects_.calls("remove"));
  EXPECT_EQ(objects_.objects().size(), 90u);
}

TEST_F(ObjectEvictionTest, ThreeThatPutInTurnOvershootByLittleMoreThanATenth) {
  std::vector<std::unique_ptr<ObjectEviction>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<ObjectEviction>(objects_, "ns", 100000, clock_));
  }
  size_t most = 0;
  for (int i = 0; i < 900; ++i) {
    objects_.Set(ObjectName("ns", ResultKey(i)), std::string(1000, 'x'), i + 1);
    ObjectEviction& client = *clients[i % 3];
    if (client.Added(1000)) {
      EXPECT_TRUE(client.Run(never_).ok());
    }
    most = std::max(most, objects_.objects().size());
  }
  EXPECT_LE(most, 113u);
  EXPECT_GE(objects_.objects().size(), 85u);
}

TEST_F(ObjectEvictionTest, WhatOthersNoLongerPutIsNoReasonToList) {
  ObjectEviction eviction(objects_, "ns", 100000, clock_);
  ASSERT_TRUE(eviction.Run(never_).ok());
  Fill(60);
  ASSERT_TRUE(eviction.Added(6000));
  ASSERT_TRUE(eviction.Run(never_).ok());  // nine in ten were put by others
  const int before = objects_.calls("list");
  ASSERT_TRUE(eviction.Added(6000));
  EXPECT_GT(eviction.estimated_size(), 110000u);
  ASSERT_TRUE(eviction.Run(never_).ok());
  EXPECT_EQ(objects_.calls("list"), before + 2);
  EXPECT_EQ(eviction.estimated_size(), 60000u);
}

TEST_F(ObjectEvictionTest, AnErrorIsFollowedByAPause) {
  ObjectEviction eviction(objects_, "ns", 100000, clock_);
  ASSERT_TRUE(eviction.Run(never_).ok());
  Fill(120);
  objects_.before = [](std::string_view operation) {
    return operation == "remove" ? absl::PermissionDeniedError("s3:DeleteObject")
                                 : absl::OkStatus();
  };
  ASSERT_TRUE(eviction.Added(120000));
  EXPECT_TRUE(absl::IsPermissionDenied(eviction.Run(never_)));
  EXPECT_FALSE(eviction.Added(1));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_TRUE(eviction.Added(1));
}

TEST_F(ObjectEvictionTest, StoppingEndsItEarly) {
  Fill(120);
  const std::atomic<bool> stop{true};
  ObjectEviction eviction(objects_, "ns", 100000, clock_);
  eviction.Added(120000);
  EXPECT_TRUE(eviction.Run(stop).ok());
  EXPECT_EQ(objects_.objects().size(), 120u);
}

}  // namespace
}  // namespace hpcc
