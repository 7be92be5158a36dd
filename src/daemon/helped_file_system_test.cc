#include "daemon/helped_file_system.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace hpcc {
namespace {

// Says of a path how often it was looked at, and that its size is that of the path.
class CountingFileSystem final : public ForwardingFileSystem {
 public:
  CountingFileSystem() : ForwardingFileSystem(FileSystem::Real()) {}

  void StatGroup(const StatPlan& plan, size_t group, std::span<StatResult> results) override {
    for (const uint32_t member : plan.groups()[group].members) {
      ++looks;
      results[member].error = 0;
      results[member].stat.size += plan.paths()[member].size();
    }
  }
  std::atomic<size_t> looks = 0;
};

StatPlan PlanOf(size_t count) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < count; ++i) paths.push_back(StrCat("/", i % 7, "/", i));
  return StatPlan(std::move(paths));
}

TEST(HelpedFileSystemTest, EachFileIsLookedAtOnceWhoeverDoesIt) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting);
  for (const size_t count : {0, 1, 127, 128, 1000, 5000}) {
    const StatPlan plan = PlanOf(count);
    std::vector<StatResult> results(count);
    counting.looks = 0;
    helped.StatMany(plan, results);
    EXPECT_EQ(counting.looks, count);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(results[i].stat.size, plan.paths()[i].size()) << "file " << i << " of " << count;
    }
  }
}

TEST(HelpedFileSystemTest, ManyAtOnceEachGetTheirOwn) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&helped, &wrong, t] {
      const StatPlan plan = PlanOf(200 + 100 * t);
      for (int round = 0; round < 200; ++round) {
        std::vector<StatResult> results(plan.paths().size());
        helped.StatMany(plan, results);
        for (size_t i = 0; i < results.size(); ++i) {
          if (results[i].stat.size != plan.paths()[i].size()) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// With one processor, with two, and with more.
class ExpectingTest : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Processors, ExpectingTest, testing::Values(1, 2, 8));

TEST_P(ExpectingTest, WhatWasExpectedIsLookedAtOnceAndGivenOnce) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting, GetParam());
  const auto plan = std::make_shared<const StatPlan>(PlanOf(500));
  std::vector<StatResult> results(500);
  for (size_t round = 1; round <= 50; ++round) {
    HelpedFileSystem::Expectation expectation(&helped, plan);
    results.assign(500, {});
    helped.StatMany(PlanOf(500), results);
    EXPECT_EQ(counting.looks, 1000 * round - 500);
    for (size_t i = 0; i < results.size(); ++i) {
      ASSERT_EQ(results[i].stat.size, plan->paths()[i].size());
    }
    results.assign(500, {});
    helped.StatMany(*plan, results);
    EXPECT_EQ(counting.looks, 1000 * round);
  }
}

// The helper stays at its first group until who asks has begun, and that one then gives it time for
// a second.
class HaltingFileSystem final : public ForwardingFileSystem {
 public:
  HaltingFileSystem() : ForwardingFileSystem(FileSystem::Real()) {}

  void StatGroup(const StatPlan& /*plan*/, size_t /*group*/,
                 std::span<StatResult> /*results*/) override {
    if (std::this_thread::get_id() != asker) {
      ++helpers_groups;
      while (!asked) std::this_thread::yield();
      return;
    }
    if (asked.exchange(true)) return;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (helpers_groups < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }

  const std::thread::id asker = std::this_thread::get_id();
  std::atomic<int> helpers_groups = 0;
  std::atomic<bool> asked = false;
};

TEST(HelpedFileSystemTest, WithTwoProcessorsTheHelperStopsWhenItIsAskedFor) {
  for (const unsigned processors : {2U, 3U}) {
    HaltingFileSystem halting;
    HelpedFileSystem helped(halting, processors);
    const auto plan = std::make_shared<const StatPlan>(PlanOf(500));
    HelpedFileSystem::Expectation expectation(&helped, plan);
    while (halting.helpers_groups == 0) std::this_thread::yield();
    std::vector<StatResult> results(500);
    helped.StatMany(*plan, results);
    EXPECT_EQ(halting.helpers_groups > 1, processors > 2) << halting.helpers_groups;
  }
}

TEST(HelpedFileSystemTest, OtherFilesThanExpectedAreLookedAtAnew) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting);
  for (int round = 0; round < 50; ++round) {
    HelpedFileSystem::Expectation expectation(&helped,
                                              std::make_shared<const StatPlan>(PlanOf(500)));
    const StatPlan other = PlanOf(300);
    std::vector<StatResult> results(300);
    helped.StatMany(other, results);
    for (size_t i = 0; i < results.size(); ++i) {
      ASSERT_EQ(results[i].stat.size, other.paths()[i].size());
    }
  }
}

TEST(HelpedFileSystemTest, ExpectationThatCameToNothingLeavesTheHelpToOthers) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting);
  std::vector<StatResult> results(500);
  std::thread([&helped] {
    const HelpedFileSystem::Expectation expectation(&helped,
                                                    std::make_shared<const StatPlan>(PlanOf(500)));
  }).join();
  HelpedFileSystem::Expectation ended(&helped, std::make_shared<const StatPlan>(PlanOf(500)));
  ended.End();
  counting.looks = 0;
  helped.StatMany(PlanOf(500), results);
  EXPECT_EQ(counting.looks, 500);
  HelpedFileSystem::Expectation nothing(&helped, nullptr);
  HelpedFileSystem::Expectation nobody(nullptr, std::make_shared<const StatPlan>(PlanOf(500)));
}

TEST(HelpedFileSystemTest, WhatOneThreadExpectsIsNotGivenToAnother) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting);
  HelpedFileSystem::Expectation expectation(&helped, std::make_shared<const StatPlan>(PlanOf(500)));
  std::thread([&helped] {
    std::vector<StatResult> results(500);
    helped.StatMany(PlanOf(500), results);
    EXPECT_EQ(results[499].stat.size, PlanOf(500).paths()[499].size());
  }).join();
  std::vector<StatResult> results(500);
  helped.StatMany(PlanOf(500), results);
  EXPECT_EQ(counting.looks, 1000);
}

}  // namespace
}  // namespace hpcc
