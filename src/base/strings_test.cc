#include "base/strings.h"

#include <gmock/gmock.h>

#include <cstdint>
#include <limits>

namespace hpcc {
namespace {

using testing::ElementsAre;

TEST(StringsTest, StrCatJoinsStringsCharactersAndIntegers) {
  EXPECT_EQ(StrCat("a", std::string("b"), 'c', -1, uint64_t{18446744073709551615U}),
            "abc-118446744073709551615");
  EXPECT_EQ(StrCat(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
}

TEST(StringsTest, StrSplitKeepsEmptyParts) {
  EXPECT_THAT(StrSplit(std::string_view("a:b::c"), ':'), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(StrSplit(std::string_view(""), ':'), ElementsAre(""));
  EXPECT_THAT(StrSplit(std::string_view(":"), ':'), ElementsAre("", ""));
}

TEST(StringsTest, StrJoinPutsSeparatorsBetweenOnly) {
  EXPECT_EQ(StrJoin(std::vector<std::string>{}, ", "), "");
  EXPECT_EQ(StrJoin(std::vector<std::string>{"a"}, ", "), "a");
  EXPECT_EQ(StrJoin(std::vector<int>{1, 2, 3}, ", "), "1, 2, 3");
}

TEST(StringsTest, StripBlanksTakesThoseAtTheEnds) {
  EXPECT_EQ(StripBlanks(" \t\r\na b\n"), "a b");
  EXPECT_EQ(StripBlanks(" \n"), "");
  EXPECT_EQ(StripBlanks(""), "");
}

TEST(StringsTest, AsciiLowerLeavesOtherBytesAlone) {
  EXPECT_EQ(AsciiLower("AZaz09-\xc3\x84"), "azaz09-\xc3\x84");
}

TEST(StringsTest, StrContainsFindsParts) {
  EXPECT_TRUE(StrContains("abc", "bc"));
  EXPECT_TRUE(StrContains("abc", ""));
  EXPECT_FALSE(StrContains("abc", "ac"));
}

}  // namespace
}  // namespace hpcc
