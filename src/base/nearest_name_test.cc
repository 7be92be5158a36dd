#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hpcc {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"max_size", "read_only", "location", "log_file",
                                                    "type"};

TEST(NearestNameTest, OneWrongLetterIsForgiven) {
  EXPECT_EQ(NearestName("max_siez", kNames), "max_size");
  EXPECT_EQ(NearestName("locatio", kNames), "location");
  EXPECT_EQ(NearestName("llocation", kNames), "location");
  EXPECT_EQ(NearestName("tyqe", kNames), "type");
}

TEST(NearestNameTest, CaseAndDashesCountAsNoEdit) {
  EXPECT_EQ(NearestName("Max-Size", kNames), "max_size");
  EXPECT_EQ(NearestName("READONLY", kNames), "read_only");
}

TEST(NearestNameTest, AWordUnlikeAllIsNotGuessedAt) {
  EXPECT_EQ(NearestName("prefix", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName("x", kNames), "");
}

TEST(NearestNameTest, TheNearerOfTwoWins) {
  constexpr std::array<std::string_view, 2> kTwo = {"states", "stats"};
  EXPECT_EQ(NearestName("statz", kTwo), "stats");
  EXPECT_EQ(NearestName("stattes", kTwo), "states");
}

TEST(NearestNameTest, OfEqualsTheOneThatStartsWithTheWordWinsElseTheFirst) {
  constexpr std::array<std::string_view, 3> kThree = {"start", "stats", "state"};
  EXPECT_EQ(NearestName("stat", kThree), "stats");
  EXPECT_EQ(NearestName("STAT", kThree), "stats");
  EXPECT_EQ(NearestName("strt", kThree), "start");
  EXPECT_EQ(NearestName("statz", kThree), "stats");
}

TEST(NearestNameTest, VeryLongWordsAreNotNear) {
  EXPECT_EQ(NearestName(std::string(10'000, 'a'), kNames), "");
  const std::string long_name(65, 'b');
  const std::array<std::string_view, 1> candidates = {long_name};
  EXPECT_EQ(NearestName(std::string(64, 'b'), candidates), "");
}

}  // namespace
}  // namespace hpcc
