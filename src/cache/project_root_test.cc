#include "cache/project_root.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

using ProjectRootTest = ProjectTest;

TEST_F(ProjectRootTest, NearestMarkedDirectoryIsTheRoot) {
  Write(".hpcc", "");
  Write("a/.hpcc", "");
  MakeDirectory("a/b/c");
  MakeDirectory("d");
  EXPECT_EQ(ProjectRoot::Find(FileSystem::Real(), cwd_ + "/a/b/c").directory(), cwd_ + "/a");
  EXPECT_EQ(ProjectRoot::Find(FileSystem::Real(), cwd_ + "/a").directory(), cwd_ + "/a");
  EXPECT_EQ(ProjectRoot::Find(FileSystem::Real(), cwd_ + "/d").directory(), cwd_);
}

TEST_F(ProjectRootTest, WithoutAMarkerThereIsNoRoot) {
  EXPECT_FALSE(ProjectRoot::Find(FileSystem::Real(), cwd_).marked());
}

TEST_F(ProjectRootTest, DirectoryOfTheMarkersNameMarksNothing) {
  // Such as ~/.hpcc, should a program keep its things there.
  MakeDirectory(".hpcc");
  EXPECT_FALSE(ProjectRoot::Find(FileSystem::Real(), cwd_).marked());
}

TEST(ProjectRootPathTest, PathsBelowTheRootArePortableAndComeBack) {
  const ProjectRoot here("/root");
  const ProjectRoot there("/else/where");
  EXPECT_EQ(here.ToPortable("/root/a/b.h"), "\x01/a/b.h");
  EXPECT_EQ(here.ToPortable("/root"), "\x01");
  EXPECT_EQ(there.FromPortable(here.ToPortable("/root/a/b.h")), "/else/where/a/b.h");
  EXPECT_EQ(there.FromPortable(here.ToPortable("/root")), "/else/where");
}

TEST(ProjectRootPathTest, OtherPathsStayAsTheyAre) {
  const ProjectRoot root("/root");
  for (const char* path : {"a/b.h", "/rooted/b.h", "/usr/include/b.h", "", "."}) {
    EXPECT_EQ(root.ToPortable(path), path);
    EXPECT_EQ(root.FromPortable(path), path);
  }
  EXPECT_EQ(ProjectRoot().ToPortable("/root/a"), "/root/a");
}

}  // namespace
}  // namespace hpcc
