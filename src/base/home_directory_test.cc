#include "base/home_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace hpcc {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "# a comment:x:7:7::/wrong:/bin/sh\n"
    "short:x:8\n"
    "build:x:1000:1000:Build,,,:/home/build:/bin/sh\n"
    "nowhere:x:1001:1001:::/bin/sh\n"
    "last:x:1002:1002::/home/last:";

TEST(HomeInPasswdTest, TheLineOfTheUserIsFound) {
  EXPECT_EQ(HomeInPasswd(kPasswd, 0), "/root");
  EXPECT_EQ(HomeInPasswd(kPasswd, 1000), "/home/build");
  EXPECT_EQ(HomeInPasswd(kPasswd, 1002), "/home/last");
}

TEST(HomeInPasswdTest, UnknownUsersAndTornLinesHaveNone) {
  EXPECT_EQ(HomeInPasswd(kPasswd, 8), "");
  EXPECT_EQ(HomeInPasswd(kPasswd, 1001), "");
  EXPECT_EQ(HomeInPasswd(kPasswd, 100), "");
  EXPECT_EQ(HomeInPasswd("", 0), "");
}

TEST(HomeDirectoryTest, HomeComesFirstWhenItIsAbsolute) {
  Environment environment;
  environment.Set("HOME", "/somewhere");
  EXPECT_EQ(*HomeDirectory(FileSystem::Real(), environment), "/somewhere");
}

TEST(HomeDirectoryTest, ARelativeOrMissingHomeFallsBackToPasswd) {
  Environment environment;
  const auto without = HomeDirectory(FileSystem::Real(), environment);
  environment.Set("HOME", "relative");
  const auto relative = HomeDirectory(FileSystem::Real(), environment);
  ASSERT_EQ(without.ok(), relative.ok());
  if (without.ok()) {
    EXPECT_EQ(*without, *relative);
    EXPECT_TRUE(without->starts_with("/"));
  } else {
    EXPECT_EQ(without.status().code(), absl::StatusCode::kNotFound);
  }
}

}  // namespace
}  // namespace hpcc
