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

}  // namespace
}  // namespace hpcc
