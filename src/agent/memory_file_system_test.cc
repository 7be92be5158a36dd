#include "agent/memory_file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace hpcc {
namespace {

constexpr uint64_t kPage = 4096;

// A tmpfs is for those who may mount.
class MemoryFileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<Descriptor> root = MakeMemoryFileSystem(4 * kPage, 4);
    if (absl::IsPermissionDenied(root.status()) && geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_TRUE(root.ok()) << root.status();
    root_ = *std::move(root);
  }

  // Of `bytes`, how many there was room for.
  size_t Write(const char* name, size_t bytes) {
    const Descriptor file(openat(root_.get(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    const std::string data(bytes, 'x');
    const ssize_t written = write(file.get(), data.data(), data.size());
    return written < 0 ? 0 : static_cast<size_t>(written);
  }
  int ErrorOfCreating(const char* name) {
    const Descriptor file(openat(root_.get(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    return file.valid() ? 0 : errno;
  }

  Descriptor root_;
};

TEST_F(MemoryFileSystemTest, TakesAsMuchAsWasSaidAndNoMore) {
  EXPECT_EQ(Write("a", 3 * kPage), 3 * kPage);
  EXPECT_EQ(Write("b", 3 * kPage), kPage);
  // The root is a file, too.
  EXPECT_EQ(ErrorOfCreating("c"), 0);
  EXPECT_EQ(ErrorOfCreating("d"), ENOSPC);
}

TEST_F(MemoryFileSystemTest, TakesMoreOnceItIsLargerAndKeepsWhatItHas) {
  EXPECT_EQ(Write("a", 5 * kPage), 4 * kPage);
  ASSERT_TRUE(ResizeMemoryFileSystem(root_.get(), 8 * kPage, 10).ok());
  EXPECT_EQ(Write("b", 5 * kPage), 4 * kPage);
  struct statfs facts;
  ASSERT_EQ(fstatfs(root_.get(), &facts), 0);
  EXPECT_EQ(facts.f_blocks, 8u);
  EXPECT_EQ(facts.f_bfree, 0u);
  for (const char* name : {"c", "d", "e", "f", "g"}) EXPECT_EQ(ErrorOfCreating(name), 0);
}

TEST_F(MemoryFileSystemTest, ToGiveItLessThanItHoldsIsAnErrorAndChangesNothing) {
  EXPECT_EQ(Write("a", 3 * kPage), 3 * kPage);
  EXPECT_FALSE(ResizeMemoryFileSystem(root_.get(), kPage, 10).ok());
  EXPECT_EQ(Write("b", 2 * kPage), kPage);
}

TEST_F(MemoryFileSystemTest, WhatIsNoTmpfsIsNotResized) {
  const Descriptor proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_FALSE(ResizeMemoryFileSystem(proc.get(), kPage, 10).ok());
}

}  // namespace
}  // namespace hpcc
