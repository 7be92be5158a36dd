#include "config/config_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(ParseSwitchTest, TheUsualWordsInEitherCase) {
  for (const char* yes : {"1", "true", "YES", "On", " 1 "}) EXPECT_TRUE(*ParseSwitch(yes)) << yes;
  for (const char* no : {"0", "False", "no", "OFF", ""}) EXPECT_FALSE(*ParseSwitch(no)) << no;
}

TEST(ParseSwitchTest, AnythingElseIsRefused) {
  for (const char* neither : {"2", "y", "tru", "enable", "10"}) {
    EXPECT_EQ(ParseSwitch(neither).status().code(), absl::StatusCode::kInvalidArgument) << neither;
  }
}

class ExpandPathTest : public testing::Test {
 protected:
  ExpandPathTest() {
    environment_.Set("HOME", "/home/ada");
    environment_.Set("SCRATCH", "/scratch");
    environment_.Set("NAME", "x");
    environment_.Set("EMPTY", "");
  }
  absl::StatusOr<std::string> Expand(std::string_view text) {
    return ExpandPath(text, FileSystem::Real(), environment_);
  }
  Environment environment_;
};

TEST_F(ExpandPathTest, HomeAndVariablesAreReplaced) {
  EXPECT_EQ(*Expand("~/cache"), "/home/ada/cache");
  EXPECT_EQ(*Expand("~"), "/home/ada");
  EXPECT_EQ(*Expand("${SCRATCH}/hpcc-${NAME}"), "/scratch/hpcc-x");
  EXPECT_EQ(*Expand("/a/~/b"), "/a/~/b");
  EXPECT_EQ(*Expand("/a/b//"), "/a/b");
  EXPECT_EQ(*Expand("/"), "/");
}

TEST_F(ExpandPathTest, TheValueOfAVariableIsNotExpandedAgain) {
  environment_.Set("TRICK", "${SCRATCH}");
  EXPECT_EQ(*Expand("/a/${TRICK}"), "/a/${SCRATCH}");
}

TEST_F(ExpandPathTest, WhatCannotBeExpandedIsRefused) {
  for (const char* text : {"", "relative", "./a", "${NAME}/a", "/a/$NAME", "/a/${NAME", "/a/${}",
                           "/a/${UNSET}", "/a/${EMPTY}", "~ada/x", "/a\nb", "/a\x7f"}) {
    const absl::StatusOr<std::string> expanded = Expand(text);
    ASSERT_FALSE(expanded.ok()) << text << " gave " << *expanded;
    EXPECT_EQ(expanded.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(TomlValuesTest, ValuesAreWrittenAsTomlReadsThem) {
  EXPECT_EQ(TomlString("a\"b\\c\n\x1b"), "\"a\\\"b\\\\c\\n\\u001B\"");
  EXPECT_EQ(TomlSize(uint64_t{10} << 30), "\"10G\"");
  EXPECT_EQ(TomlSize(uint64_t{1536} << 10), "\"1536k\"");
  EXPECT_EQ(TomlSize(uint64_t{2} << 40), "\"2T\"");
  EXPECT_EQ(TomlSize(1000), "1000");
  EXPECT_EQ(TomlSize(0), "0");
  EXPECT_EQ(TomlBool(true), "true");
}

}  // namespace
}  // namespace hpcc
