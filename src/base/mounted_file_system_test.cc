#include "base/mounted_file_system.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(DescribeFileSystemTest, SharedMemoryIsMemory) {
  const auto mounted = DescribeFileSystem("/dev/shm");
  ASSERT_TRUE(mounted.ok()) << mounted.status();
  EXPECT_EQ(mounted->type, "tmpfs");
  EXPECT_TRUE(mounted->is_memory);
  EXPECT_FALSE(mounted->is_network);
  EXPECT_GT(mounted->total_bytes, 0u);
  EXPECT_LE(mounted->free_bytes, mounted->total_bytes);
}

TEST(DescribeFileSystemTest, AnUnknownTypeIsNamedByItsNumber) {
  const auto mounted = DescribeFileSystem("/proc");
  ASSERT_TRUE(mounted.ok()) << mounted.status();
  EXPECT_EQ(mounted->type, "0x00009fa0");
}

TEST(DescribeFileSystemTest, AMissingPathIsNotFound) {
  EXPECT_EQ(DescribeFileSystem("/no/such/path").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace hpcc
