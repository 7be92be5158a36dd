#include "worker/job_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace hpcc {
namespace {

TEST(JobIdsTest, NoneIsGivenTwiceNorByAnother) {
  JobIds one;
  JobIds another;
  std::set<std::string> given;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(given.insert(one.Next()).second);
    EXPECT_TRUE(given.insert(another.Next()).second);
  }
}

TEST(JobIdsTest, TheyShowNoCount) {
  JobIds ids;
  const std::string first = ids.Next();
  const std::string second = ids.Next();
  EXPECT_THAT(first, testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(second.size(), 32u);
  size_t same = 0;
  for (size_t i = 0; i < first.size(); ++i) same += first[i] == second[i] ? 1 : 0;
  EXPECT_LT(same, 16u) << first << " " << second;
}

}  // namespace
}  // namespace hpcc
