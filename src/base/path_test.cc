#include "base/path.h"

#include <gtest/gtest.h>

namespace hpcc::path {
namespace {

TEST(PathTest, JoinPutsOneSlashBetween) {
  EXPECT_EQ(Join("a", "b"), "a/b");
  EXPECT_EQ(Join("a/", "b"), "a/b");
  EXPECT_EQ(Join("/", "b"), "/b");
  EXPECT_EQ(Join("", "b"), "b");
  EXPECT_EQ(Join("a", "/b"), "/b");
}

TEST(PathTest, DirnameAndBasenameSplitAtTheLastSlash) {
  EXPECT_EQ(Dirname("a"), "");
  EXPECT_EQ(Dirname("/a"), "/");
  EXPECT_EQ(Dirname("a/b"), "a");
  EXPECT_EQ(Dirname("/a/b/c"), "/a/b");
  EXPECT_EQ(Dirname("a/"), "a");
  EXPECT_EQ(Basename("a"), "a");
  EXPECT_EQ(Basename("/a"), "a");
  EXPECT_EQ(Basename("a/b"), "b");
  EXPECT_EQ(Basename("a/"), "");
}

TEST(PathTest, ExtensionIsOfTheBaseName) {
  EXPECT_EQ(Extension("a.c"), ".c");
  EXPECT_EQ(Extension("dir.x/a.tar.gz"), ".gz");
  EXPECT_EQ(Extension("dir.x/a"), "");
  EXPECT_EQ(Extension(".profile"), "");
  EXPECT_EQ(Extension("."), "");
  EXPECT_EQ(Extension(".."), "");
  EXPECT_EQ(Extension("a/.."), "");
  EXPECT_EQ(WithoutExtension("dir.x/a.c"), "dir.x/a");
  EXPECT_EQ(WithoutExtension("dir.x/a"), "dir.x/a");
}

TEST(PathTest, WithoutDotLeavesTheRest) {
  EXPECT_EQ(WithoutDot("./a/./b"), "a/./b");
  EXPECT_EQ(WithoutDot("././a"), "a");
  EXPECT_EQ(WithoutDot(".//a"), "a");
  EXPECT_EQ(WithoutDot("./"), "");
  EXPECT_EQ(WithoutDot("../a"), "../a");
  EXPECT_EQ(WithoutDot(".a"), ".a");
  EXPECT_EQ(WithoutDot("/a"), "/a");
}

TEST(PathTest, NormalizeRemovesWhatIsRedundant) {
  EXPECT_EQ(Normalize(""), ".");
  EXPECT_EQ(Normalize("."), ".");
  EXPECT_EQ(Normalize("/"), "/");
  EXPECT_EQ(Normalize("a//b/./c/"), "a/b/c");
  EXPECT_EQ(Normalize("a/../b"), "b");
  EXPECT_EQ(Normalize("a/.."), ".");
  EXPECT_EQ(Normalize("../a/../../b"), "../../b");
  EXPECT_EQ(Normalize("/../a"), "/a");
  EXPECT_EQ(Normalize("/a/../.."), "/");
}

TEST(PathTest, BelowIsByComponents) {
  EXPECT_TRUE(IsBelow("/a/b", "/a"));
  EXPECT_TRUE(IsBelow("/a", "/a"));
  EXPECT_FALSE(IsBelow("/ab", "/a"));
  EXPECT_FALSE(IsBelow("/a", "/a/b"));
  EXPECT_TRUE(IsBelow("/a/b", "/a/"));
  EXPECT_TRUE(IsBelow("/a", "/a/"));
  EXPECT_TRUE(IsBelow("/a", "/"));
  EXPECT_FALSE(IsBelow("a", "/"));
  EXPECT_TRUE(IsBelow("a/b", "a"));
  EXPECT_TRUE(IsBelow("a", ""));
  EXPECT_FALSE(IsBelow("/a", ""));
}

TEST(PathTest, NamesThatMeanAnotherFileToEachProcess) {
  for (const char* name :
       {"/proc/self/fd/1", "/dev/fd/3", "/dev/stdout", "/dev/stdin", "/dev/tty"}) {
    EXPECT_TRUE(path::IsPerProcess(name)) << name;
  }
  for (const char* name : {"/dev/null", "/dev/shm/a.o", "/process/a", "proc/a", "a.o", ""}) {
    EXPECT_FALSE(path::IsPerProcess(name)) << name;
  }
}

}  // namespace
}  // namespace hpcc::path
