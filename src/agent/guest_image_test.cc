#include "agent/guest_image.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace hpcc {
namespace {

namespace fs = std::filesystem;

class GuestImageTest : public ::testing::Test {
 protected:
  GuestImageTest() {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    root_ = ::testing::TempDir() + "guest_image_" + name;
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~GuestImageTest() override { fs::remove_all(root_); }
  void AddFile(const std::string& path) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << "x";
  }

  std::string root_;
};

TEST_F(GuestImageTest, EverythingButTheSandboxsOwnAndTheUsersPlacesIsThere) {
  for (const char* path :
       {"/.hpcc/agent", "/dev/x", "/proc/x", "/sys/x", "/run/x", "/tmp/x", "/home/u/a.c",
        "/root/.bashrc", "/var/lib/x", "/usr/src/app/a.c", "/usr/bin/gcc", "/usr/include/stdio.h",
        "/etc/ld.so.cache", "/opt/cross/bin/gcc", "/cc"}) {
    AddFile(path);
  }
  fs::create_directory_symlink("usr/bin", root_ + "/bin");
  fs::create_directories(root_ + "/usr/games");
  fs::create_directories(root_ + "/build");
  const absl::StatusOr<ImageLayout> layout = GuestImage(root_);
  ASSERT_TRUE(layout.ok()) << layout.status();
  using Kind = ImagePart::Kind;
  const std::vector<ImagePart> expected = {
      {Kind::kLink, "/bin", "usr/bin"},
      {Kind::kFile, "/cc", root_ + "/cc"},
      {Kind::kDirectory, "/etc", root_ + "/etc"},
      {Kind::kDirectory, "/opt", root_ + "/opt"},
      {Kind::kDirectory, "/usr/bin", root_ + "/usr/bin"},
      {Kind::kDirectory, "/usr/include", root_ + "/usr/include"},
  };
  EXPECT_EQ(layout->parts, expected);
}

TEST_F(GuestImageTest, AnImageOfOneFileIsOne) {
  AddFile("/cc");
  const absl::StatusOr<ImageLayout> layout = GuestImage(root_);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->parts.size(), 1u);
}

TEST_F(GuestImageTest, AnImageOfNothingIsRefused) {
  AddFile("/.hpcc/agent");
  EXPECT_TRUE(absl::IsFailedPrecondition(GuestImage(root_).status()));
}

}  // namespace
}  // namespace hpcc
