#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace hpcc {
namespace {

using testing::ElementsAre;

constexpr std::array kSpecs = {OptionSpec{"--max-size", "SIZE", "help"},
                               OptionSpec{"--verbose", "", "help", 'v'}, kJsonOption};

absl::StatusOr<ParsedOptions> Parse(const std::vector<std::string>& words) {
  return ParseOptions(kSpecs, words);
}

std::string ErrorOf(const std::vector<std::string>& words) {
  const absl::StatusOr<ParsedOptions> options = Parse(words);
  if (options.ok()) return "no error";
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

TEST(ParseOptionsTest, SwitchesValuesAndOperandsMayBeMixed) {
  const auto options = Parse({"a", "--json", "--max-size", "5G", "b", "-v"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->Has("--json"));
  EXPECT_TRUE(options->Has("--verbose"));
  EXPECT_EQ(options->Value("--max-size"), "5G");
  EXPECT_THAT(options->operands(), ElementsAre("a", "b"));
}

TEST(ParseOptionsTest, AValueMayBeJoinedByAnEqualsSign) {
  EXPECT_EQ(Parse({"--max-size=5G"})->Value("--max-size"), "5G");
  EXPECT_EQ(Parse({"--max-size="})->Value("--max-size"), "");
  EXPECT_EQ(Parse({"--max-size=a=b"})->Value("--max-size"), "a=b");
}

TEST(ParseOptionsTest, TheLastOfSeveralValuesWins) {
  EXPECT_EQ(Parse({"--max-size=1", "--max-size", "2"})->Value("--max-size"), "2");
}

TEST(ParseOptionsTest, AValueMayLookLikeAnOption) {
  const auto options = Parse({"--max-size", "--json"});
  EXPECT_EQ(options->Value("--max-size"), "--json");
  EXPECT_FALSE(options->Has("--json"));
}

TEST(ParseOptionsTest, TwoDashesEndTheOptions) {
  const auto options = Parse({"--", "--json", "-x"});
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->Has("--json"));
  EXPECT_THAT(options->operands(), ElementsAre("--json", "-x"));
}

TEST(ParseOptionsTest, ASingleDashIsAnOperand) {
  EXPECT_THAT(Parse({"-"})->operands(), ElementsAre("-"));
}

TEST(ParseOptionsTest, WhatWasNotGivenHasNoValue) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->Has("--json"));
  EXPECT_EQ(options->Value("--max-size"), std::nullopt);
}

TEST(ParseOptionsTest, HelpIsKnownEverywhere) {
  EXPECT_TRUE(Parse({"--help"})->Has("--help"));
  EXPECT_TRUE(Parse({"-h"})->Has("--help"));
}

TEST(ParseOptionsTest, AnUnknownOptionSuggestsTheNearest) {
  EXPECT_EQ(ErrorOf({"--jsn"}), "unknown option --jsn; did you mean --json?");
  EXPECT_EQ(ErrorOf({"--maxsize=1"}), "unknown option --maxsize; did you mean --max-size?");
  EXPECT_EQ(ErrorOf({"--frobnicate"}), "unknown option --frobnicate");
  EXPECT_EQ(ErrorOf({"-j"}), "unknown option -j");
}

TEST(ParseOptionsTest, MissingAndSuperfluousValuesAreRefused) {
  EXPECT_EQ(ErrorOf({"--max-size"}), "option --max-size needs a SIZE");
  EXPECT_EQ(ErrorOf({"--json=yes"}), "option --json takes no value");
}

}  // namespace
}  // namespace hpcc
