#include "agent/image_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "agent/open_within.h"

namespace hpcc {
namespace {

using Kind = ManifestEntry::Kind;

// An image with /usr/include (a.h, and l.h that is a link to it) and /lib, a link to usr/include.
class ImageFilesTest : public ::testing::Test {
 protected:
  ImageFilesTest() : root_(::testing::TempDir() + "/image_files_test") {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/usr/include/sys");
    Write("/usr/include/a.h", "a");
    std::filesystem::create_symlink("a.h", root_ + "/usr/include/l.h");
    std::filesystem::create_symlink("/usr/include/a.h", root_ + "/usr/include/absolute.h");
    std::filesystem::create_symlink("../../../../etc/passwd", root_ + "/usr/include/out.h");
    std::filesystem::create_symlink("usr/include", root_ + "/lib");
    image_ = std::make_unique<ImageFiles>(
        Descriptor(open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        ImageLayout{{{ImagePart::Kind::kDirectory, "/usr/include", "/x"},
                     {ImagePart::Kind::kLink, "/lib", "usr/include"}}});
  }
  void Write(const std::string& path, const std::string& data) {
    std::ofstream(root_ + path) << data;
  }
  absl::StatusCode Check(const ManifestEntry& entry, bool expect_staged = false) {
    bool staged = false;
    const absl::Status status = image_->Check(entry, &staged);
    EXPECT_EQ(staged, expect_staged) << entry.path;
    return status.code();
  }

  const std::string root_;
  std::unique_ptr<ImageFiles> image_;
};

constexpr absl::StatusCode kOk = absl::StatusCode::kOk;
constexpr absl::StatusCode kDiffers = absl::StatusCode::kFailedPrecondition;

TEST_F(ImageFilesTest, WhatTheImageSaysNothingAboutIsStaged) {
  EXPECT_EQ(Check({.path = "/work/a.c", .digest = Digest::Of("x")}, true), kOk);
  EXPECT_EQ(Check({.path = "/usr/src/a.c", .digest = Digest::Of("x")}, true), kOk);
  EXPECT_EQ(Check({.path = "/usr/includes", .kind = Kind::kLink, .target = "x"}, true), kOk);
}

TEST_F(ImageFilesTest, AFileOfTheImageMustBeTheOneThatIsThere) {
  for (const char* path :
       {"/usr/include/a.h", "/usr/include/l.h", "/usr/include/absolute.h", "/lib/a.h"}) {
    EXPECT_EQ(Check({.path = path, .digest = Digest::Of("a")}), kOk) << path;
    EXPECT_EQ(Check({.path = path, .digest = Digest::Of("b")}), kDiffers) << path;
  }
  EXPECT_EQ(Check({.path = "/usr/include/none.h", .digest = Digest::Of("a")}), kDiffers);
  EXPECT_EQ(Check({.path = "/usr/include/sys", .digest = Digest::Of("a")}), kDiffers);
}

TEST_F(ImageFilesTest, ALinkOfTheImageNeverLeadsOutOfIt) {
  std::ifstream file("/etc/passwd");
  const std::string passwd((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(Check({.path = "/usr/include/out.h", .digest = Digest::Of(passwd)}), kDiffers);
}

TEST_F(ImageFilesTest, LinksAndDirectoriesMustBeTheImagesToo) {
  EXPECT_EQ(Check({.path = "/usr/include/l.h", .kind = Kind::kLink, .target = "a.h"}), kOk);
  EXPECT_EQ(Check({.path = "/usr/include/l.h", .kind = Kind::kLink, .target = "b.h"}), kDiffers);
  EXPECT_EQ(Check({.path = "/lib", .kind = Kind::kLink, .target = "usr/include"}), kOk);
  EXPECT_EQ(Check({.path = "/lib", .kind = Kind::kLink, .target = "/tmp"}), kDiffers);
  EXPECT_EQ(Check({.path = "/usr/include/a.h", .kind = Kind::kLink, .target = "a.h"}), kDiffers);
  EXPECT_EQ(Check({.path = "/usr/include/sys", .kind = Kind::kDirectory}), kOk);
  EXPECT_EQ(Check({.path = "/usr/include/new", .kind = Kind::kDirectory}), kDiffers);
}

TEST_F(ImageFilesTest, OnTheWayToTheImageThereAreDirectoriesOnly) {
  EXPECT_EQ(Check({.path = "/usr", .kind = Kind::kDirectory}), kOk);
  EXPECT_EQ(Check({.path = "/usr", .kind = Kind::kLink, .target = "/tmp"}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Check({.path = "/usr", .digest = Digest::Of("a")}), absl::StatusCode::kInvalidArgument);
}

TEST_F(ImageFilesTest, AFileThatChangedIsReadAgain) {
  const ManifestEntry entry{.path = "/usr/include/a.h", .digest = Digest::Of("a")};
  EXPECT_EQ(Check(entry), kOk);
  EXPECT_EQ(Check(entry), kOk);
  Write("/usr/include/a.h", "longer");
  EXPECT_EQ(Check(entry), kDiffers);
}

TEST_F(ImageFilesTest, APipeInTheImageKeepsNobodyWaiting) {
  ASSERT_EQ(mkfifo((root_ + "/usr/include/pipe").c_str(), 0644), 0);
  EXPECT_EQ(Check({.path = "/usr/include/pipe", .digest = Digest::Of("")}), kDiffers);
}

TEST_F(ImageFilesTest, OpeningWithinADirectoryStaysThere) {
  const Descriptor root(open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto code = [&](const std::string& path, LinksOnTheWay links) {
    return OpenWithin(root.get(), path, O_RDONLY, links).status().code();
  };
  EXPECT_EQ(code("/lib/a.h", LinksOnTheWay::kFollowed), kOk);
  EXPECT_NE(code("/lib/a.h", LinksOnTheWay::kRefused), kOk);
  EXPECT_NE(code("/../../../../../../etc/passwd", LinksOnTheWay::kFollowed), kOk);
  EXPECT_TRUE(MakeDirectoriesWithin(root.get(), "/lib/x/y", LinksOnTheWay::kFollowed).ok());
  EXPECT_TRUE(std::filesystem::is_directory(root_ + "/usr/include/x/y"));
  EXPECT_FALSE(MakeDirectoriesWithin(root.get(), "/lib/z", LinksOnTheWay::kRefused).ok());
  EXPECT_FALSE(
      MakeDirectoriesWithin(root.get(), "/usr/include/a.h/z", LinksOnTheWay::kRefused).ok());
}

}  // namespace
}  // namespace hpcc
