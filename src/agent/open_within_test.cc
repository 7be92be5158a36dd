#include "agent/open_within.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace hpcc {
namespace {

constexpr int kRounds = 300;
constexpr int kOpensPerRound = 100;
constexpr char kFile[] = "work/build/a.o";

// A file system in memory with one file, that is mounted nowhere, as a command's stage is.
Descriptor MakeStage() {
  const Descriptor made(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!made.valid() ||
      syscall(SYS_fsconfig, made.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return Descriptor();
  }
  Descriptor stage(static_cast<int>(syscall(SYS_fsmount, made.get(), FSMOUNT_CLOEXEC, 0)));
  if (!stage.valid() || mkdirat(stage.get(), "work", 0755) != 0 ||
      mkdirat(stage.get(), "work/build", 0755) != 0) {
    return Descriptor();
  }
  return Descriptor(openat(stage.get(), kFile, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)).valid()
             ? std::move(stage)
             : Descriptor();
}

// A world of its own that has the stage, with a mount in it, and ends. It tells `ready` before.
[[noreturn]] void LiveAndEnd(int stage, const std::string& place, int ready) {
  const std::string directory = place + "/work/build";
  if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      syscall(SYS_move_mount, stage, "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
      mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    _exit(1);
  }
  _exit(write(ready, "x", 1) == 1 ? 0 : 1);
}

// The kernel answers EXDEV where a mount goes away under a path that is being walked. A compiler's
// object was once passed over for it.
TEST(OpenWithinTest, WhatAnEndingWorldHadMountedIsFoundWhileItEnds) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may mount";
  std::string place = testing::TempDir() + "open_within.XXXXXX";
  ASSERT_NE(mkdtemp(place.data()), nullptr);
  for (int round = 0; round < kRounds; ++round) {
    const Descriptor stage = MakeStage();
    if (!stage.valid()) GTEST_SKIP() << "nothing may be mounted here";
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    Descriptor ready(ends[0]);
    Descriptor theirs(ends[1]);
    const pid_t child = fork();
    if (child == 0) LiveAndEnd(stage.get(), place, theirs.get());
    ASSERT_GT(child, 0);
    theirs.Reset();
    char told = 0;
    const bool lives = read(ready.get(), &told, 1) == 1;
    for (int i = 0; lives && i < kOpensPerRound; ++i) {
      const absl::StatusOr<Descriptor> directory =
          OpenWithin(stage.get(), "/work/build", O_PATH | O_DIRECTORY, LinksOnTheWay::kFollowed);
      ASSERT_TRUE(directory.ok()) << directory.status();
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (!lives) GTEST_SKIP() << "nothing may be mounted here";
  }
  rmdir(place.c_str());
}

}  // namespace
}  // namespace hpcc
