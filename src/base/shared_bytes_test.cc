#include "base/shared_bytes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace hpcc {
namespace {

TEST(SharedBytesTest, WhatIsSharedIsSeen) {
  for (const std::string& data : {std::string(), std::string("a"), std::string(2'000'000, 'x')}) {
    const absl::StatusOr<Descriptor> shared = ShareBytes(data);
    ASSERT_TRUE(shared.ok()) << shared.status();
    const absl::StatusOr<SharedBytes> seen = SharedBytes::Map(*shared, data.size());
    ASSERT_TRUE(seen.ok()) << seen.status();
    EXPECT_TRUE(seen->data() == data);
  }
}

TEST(SharedBytesTest, WhatIsSharedCannotBeChanged) {
  const absl::StatusOr<Descriptor> shared = ShareBytes("abc");
  ASSERT_TRUE(shared.ok());
  EXPECT_LT(pwrite(shared->get(), "x", 1, 0), 0);
  EXPECT_NE(ftruncate(shared->get(), 1), 0);
  EXPECT_NE(ftruncate(shared->get(), 10), 0);
  EXPECT_EQ(mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, shared->get(), 0), MAP_FAILED);
}

TEST(SharedBytesTest, AnythingElseIsRefused) {
  const absl::StatusOr<Descriptor> shared = ShareBytes("abc");
  ASSERT_TRUE(shared.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(SharedBytes::Map(*shared, 2).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SharedBytes::Map(*shared, 4).status()));
  // Who keeps the right to cut it short could end the reader.
  const Descriptor unsealed(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(write(unsealed.get(), "abc", 3), 3);
  EXPECT_TRUE(absl::IsInvalidArgument(SharedBytes::Map(unsealed, 3).status()));
  const Descriptor file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(absl::IsInvalidArgument(SharedBytes::Map(file, 3).status()));
}

}  // namespace
}  // namespace hpcc
