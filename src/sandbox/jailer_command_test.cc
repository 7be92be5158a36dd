#include "sandbox/jailer_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace hpcc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JailerSettings Settings(int cgroups) {
  return {.jailer = "/usr/bin/jailer",
          .firecracker = "/usr/bin/firecracker",
          .base = "/srv/jails",
          .cgroups = cgroups};
}
constexpr JailLimits kLimits{.cpus = 2, .memory_bytes = uint64_t{512} << 20};

TEST(JailerCommandTest, EverythingTheJailerNeedsIsOnItsCommandLine) {
  EXPECT_THAT(
      JailerArguments(Settings(2), "hpcc-1", 1'342'177'280, kLimits),
      ElementsAre("/usr/bin/jailer", "--id", "hpcc-1", "--exec-file", "/usr/bin/firecracker",
                  "--uid", "1342177280", "--gid", "1342177280", "--chroot-base-dir", "/srv/jails",
                  "--new-pid-ns", "--resource-limit", "no-file=1024", "--resource-limit",
                  "fsize=671088640", "--cgroup-version", "2", "--parent-cgroup", "hpcc-firecracker",
                  "--cgroup", "pids.max=18", "--cgroup", "memory.max=671088640", "--cgroup",
                  "cpu.max=200000 100000", "--", "--api-sock", "/api.sock"));
}

TEST(JailerCommandTest, TheFirstHierarchyHasFilesOfOtherNames) {
  const std::string line = StrJoin(JailerArguments(Settings(1), "x", 1, kLimits), " ");
  EXPECT_THAT(line, HasSubstr("--cgroup-version 1 --parent-cgroup hpcc-firecracker --cgroup "
                              "pids.max=18 --cgroup memory.limit_in_bytes=671088640 --cgroup "
                              "cpu.cfs_quota_us=200000 -- "));
}

TEST(JailerCommandTest, WithoutCgroupsNoneIsAskedFor) {
  EXPECT_FALSE(StrContains(StrJoin(JailerArguments(Settings(0), "x", 1, kLimits), " "), "cgroup"));
}

TEST(JailerCommandTest, TheHierarchyThatHasTheControllersIsTaken) {
  constexpr std::string_view kFirst =
      "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n"
      "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n"
      "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
      "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
  EXPECT_EQ(JailerCgroups(kFirst, ""), 1);
  EXPECT_EQ(JailerCgroups(kFirst, "cpuset cpu io memory pids\n"), 2);
  EXPECT_EQ(JailerCgroups("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "cpu memory\n"), 0);
  EXPECT_EQ(JailerCgroups("tmpfs /tmp tmpfs rw,memory,pids,cpu 0 0\n", ""), 0);
  EXPECT_EQ(JailerCgroups("", ""), 0);
}

TEST(JailerCommandTest, OnlyIdsTheJailerTakesAreIds) {
  EXPECT_TRUE(IsJailId("hpcc-0aF"));
  EXPECT_TRUE(IsJailId(std::string(64, 'a')));
  for (const std::string& id : {std::string(), std::string(65, 'a'), std::string("a_b"),
                                std::string("../x"), std::string("a b"), std::string("\xc3\xa4")}) {
    EXPECT_FALSE(IsJailId(id)) << id;
  }
}

TEST(JailerCommandTest, SettingsTheJailerWouldRefuseAreRefused) {
  EXPECT_TRUE(CheckJailerSettings(Settings(0)).ok());
  JailerSettings settings = Settings(0);
  settings.base = "jails";
  EXPECT_TRUE(absl::IsInvalidArgument(CheckJailerSettings(settings)));
  settings = Settings(0);
  settings.firecracker = "/usr/bin/vmm";
  EXPECT_TRUE(absl::IsInvalidArgument(CheckJailerSettings(settings)));
}

TEST(FirecrackerVersionTest, WhatTheProgramsPrintIsRead) {
  EXPECT_EQ(*ParseVersionLine("Firecracker v1.16.1\n\nSupported snapshot data format versions: v8",
                              "Firecracker"),
            (FirecrackerVersion{1, 16, 1}));
  EXPECT_EQ(*ParseVersionLine("Jailer v1.17.0-dev\n", "Jailer"),
            (FirecrackerVersion{1, 17, 0, false}));
  EXPECT_EQ(*ParseFirecrackerVersion("1.16.1"), (FirecrackerVersion{1, 16, 1}));
  EXPECT_EQ(ParseFirecrackerVersion("v1.17.0-dev")->ToString(), "1.17.0-dev");
}

TEST(FirecrackerVersionTest, WhatIsNoVersionIsRefused) {
  for (const char* text : {"", "v", "1", "1.16", "1.16.", "1.16.x", "1.16.1.2", "-1.2.3", "1.2.3 ",
                           "99999999999.1.1"}) {
    EXPECT_FALSE(ParseFirecrackerVersion(text).ok()) << text;
  }
  for (const char* line : {"", "Firecracker", "Firecracker ", "Firecrackerv1.16.1",
                           "Jailer v1.16.1", "cloud-hypervisor v1.16.1"}) {
    EXPECT_FALSE(ParseVersionLine(line, "Firecracker").ok()) << line;
  }
}

TEST(FirecrackerVersionTest, OldOnesAndUnequalOnesAreRefused) {
  const FirecrackerVersion least = kLeastFirecracker;
  EXPECT_TRUE(CheckVersions(least, least).ok());
  EXPECT_TRUE(CheckVersions({1, 17, 0, false}, {1, 17, 0, false}).ok());
  EXPECT_TRUE(CheckVersions({2, 0, 0}, {2, 0, 0}).ok());
  for (const FirecrackerVersion& old : {FirecrackerVersion{1, 16, 0}, FirecrackerVersion{0, 99, 9},
                                        FirecrackerVersion{1, 16, 1, false}}) {
    const absl::Status status = CheckVersions(old, old);
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr(old.ToString()));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckVersions({1, 17, 0}, least)));
}

TEST(FirecrackerVersionTest, AProgramThatIsNotFirecrackerIsNoFirecracker) {
  EXPECT_TRUE(absl::IsFailedPrecondition(ProgramVersion("/bin/true", "Firecracker").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ProgramVersion("/bin/false", "Firecracker").status()));
  EXPECT_TRUE(absl::IsNotFound(ProgramVersion("/no/such/program", "Firecracker").status()));
}

}  // namespace
}  // namespace hpcc
