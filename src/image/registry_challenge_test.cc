#include "image/registry_challenge.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(RegistryChallengeTest, ABearerChallengeHasItsParameters) {
  const auto challenges = ParseChallenges(
      "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\", "
      "scope=\"repository:library/debian:pull,push\"");
  ASSERT_EQ(challenges.size(), 1u);
  EXPECT_EQ(challenges[0].scheme, "bearer");
  EXPECT_EQ(challenges[0].Parameter("realm"), "https://auth.docker.io/token");
  EXPECT_EQ(challenges[0].Parameter("scope"), "repository:library/debian:pull,push");
  EXPECT_EQ(challenges[0].Parameter("error"), "");
}

TEST(RegistryChallengeTest, SeveralStandInOneHeader) {
  const auto challenges =
      ParseChallenges("Negotiate, BASIC realm = \"a \\\"b\\\", c\" , Bearer realm=x,service=y");
  ASSERT_EQ(challenges.size(), 3u);
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_EQ(challenges[1].scheme, "basic");
  EXPECT_EQ(challenges[1].Parameter("realm"), "a \"b\", c");
  EXPECT_EQ(challenges[2].Parameter("service"), "y");
}

TEST(RegistryChallengeTest, WhatIsWrongEndsTheReading) {
  EXPECT_TRUE(ParseChallenges("").empty());
  EXPECT_TRUE(ParseChallenges("realm=\"x\"").empty());
  EXPECT_TRUE(ParseChallenges("\"x\"").empty());
  EXPECT_EQ(ParseChallenges("Bearer realm=\"x").at(0).Parameter("realm"), "");
  EXPECT_EQ(ParseChallenges("Bearer realm=\"x\\").at(0).Parameter("realm"), "");
  EXPECT_TRUE(ParseChallenges("Bearer realm=" + std::string(9000, 'x')).empty());
}

}  // namespace
}  // namespace hpcc
