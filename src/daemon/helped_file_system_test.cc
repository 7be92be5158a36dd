#include "daemon/helped_file_system.h"

#include <gtest/gtest.h>

#include <cerrno>
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

TEST(HelpedFileSystemTest, WhatWasExpectedIsLookedAtOnceAndGivenOnce) {
  CountingFileSystem counting;
  HelpedFileSystem helped(counting);
  const auto plan = std::make_shared<const StatPlan>(PlanOf(500));
  std::vector<StatResult> results(500);
  for (size_t round = 1; round <= 50; ++round) {
    HelpedFileSystem::Expectation expectation(&helped, plan);
    helped.StatMany(PlanOf(500), results);
    EXPECT_EQ(counting.looks, 1000 * round - 500);
    EXPECT_EQ(results[499].stat.size, plan->paths()[499].size());
    results.assign(500, {});
    helped.StatMany(*plan, results);
    EXPECT_EQ(counting.looks, 1000 * round);
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
