#include "image/platform.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

Platform Parsed(const std::string& text) {
  const absl::StatusOr<Platform> platform = ParsePlatform(text);
  EXPECT_TRUE(platform.ok()) << text;
  return platform.value_or(Platform());
}

TEST(PlatformTest, IsReadAndWritten) {
  EXPECT_EQ(Parsed("linux/amd64").ToString(), "linux/amd64");
  EXPECT_EQ(Parsed("linux/arm/v7").ToString(), "linux/arm/v7");
  EXPECT_EQ(Parsed("Linux/x86_64"), Platform());
  EXPECT_EQ(Parsed("linux/aarch64").architecture, "arm64");
}

TEST(PlatformTest, AnythingElseIsRefused) {
  for (const char* text : {"", "linux", "linux/", "/amd64", "linux/amd64/", "a/b/c/d", "li nux/a",
                           "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(ParsePlatform(text).ok()) << text;
  }
}

TEST(PlatformTest, AVariantMattersOnlyWhenItIsAskedFor) {
  EXPECT_TRUE(Satisfies(Parsed("linux/arm/v7"), Parsed("linux/arm")));
  EXPECT_TRUE(Satisfies(Parsed("linux/arm/v7"), Parsed("linux/arm/v7")));
  EXPECT_FALSE(Satisfies(Parsed("linux/arm/v6"), Parsed("linux/arm/v7")));
  EXPECT_FALSE(Satisfies(Parsed("linux/arm"), Parsed("linux/arm/v7")));
  EXPECT_TRUE(Satisfies(Parsed("linux/arm64"), Parsed("linux/arm64/v8")));
  EXPECT_TRUE(Satisfies(Parsed("linux/arm64/v8"), Parsed("linux/arm64")));
  EXPECT_FALSE(Satisfies(Parsed("windows/amd64"), Parsed("linux/amd64")));
}

}  // namespace
}  // namespace hpcc
