#include "agent/command_group.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(CommandGroupTest, HalfOfAnEqualShareIsLeftToEachOther) {
  EXPECT_EQ(CommandGroupBytes(1000, 0), 1000u);
  EXPECT_EQ(CommandGroupBytes(1000, 1), 1000u);
  EXPECT_EQ(CommandGroupBytes(1000, 2), 750u);
  EXPECT_EQ(CommandGroupBytes(800, 4), 500u);
  for (uint32_t cpus = 1; cpus < 100; ++cpus) {
    EXPECT_GE(CommandGroupBytes(1 << 30, cpus), uint64_t{1} << 29);
  }
}

TEST(CommandGroupTest, WhereNoneIsMadeThereIsNone) {
  EXPECT_FALSE(CommandGroup().made());
}

}  // namespace
}  // namespace hpcc
