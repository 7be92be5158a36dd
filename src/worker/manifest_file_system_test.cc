#include "worker/manifest_file_system.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace hpcc {
namespace {

using Kind = ManifestEntry::Kind;

class ManifestFileSystemTest : public testing::Test {
 protected:
  static ManifestEntry Entry(std::string path, Kind kind, std::string target = "") {
    return {std::move(path), kind, Digest(), std::move(target)};
  }
  static SourceManifest Sorted(std::vector<ManifestEntry> entries) {
    return DecodeManifest(EncodeManifest({std::move(entries)}).value()).value();
  }
  int Stat(const std::string& path, bool follow = true) {
    return fs_.Stat(path.c_str(), follow, &stat_);
  }

  SourceManifest manifest_ =
      Sorted({Entry("/a/b/file", Kind::kFile), Entry("/a/c", Kind::kDirectory),
              Entry("/a/gone", Kind::kAbsent), Entry("/a/to-b", Kind::kLink, "b"),
              Entry("/a/to-root", Kind::kLink, "/"), Entry("/a/up", Kind::kLink, "../a/b/file"),
              Entry("/loop/x", Kind::kLink, "y"), Entry("/loop/y", Kind::kLink, "x")});
  ManifestFileSystem fs_{manifest_};
  FileStat stat_;
};

TEST_F(ManifestFileSystemTest, FilesDirectoriesAndWhatIsAboveThemAreThere) {
  EXPECT_EQ(Stat("/a/b/file"), 0);
  EXPECT_TRUE(stat_.is_regular());
  for (const char* directory : {"/", "/a", "/a/b", "/a/c", "/a//b/.", "/a/c/.."}) {
    EXPECT_EQ(Stat(directory), 0) << directory;
    EXPECT_TRUE(stat_.is_directory()) << directory;
  }
  for (const char* nothing : {"/b", "/a/b/fil", "/a/b/file2", "/a/gone", "/a/d"}) {
    EXPECT_EQ(Stat(nothing), ENOENT) << nothing;
  }
}

TEST_F(ManifestFileSystemTest, LinksAreFollowedWithinTheManifest) {
  EXPECT_EQ(Stat("/a/to-b/file"), 0);
  EXPECT_TRUE(stat_.is_regular());
  EXPECT_EQ(fs_.Resolve("/a/to-root/a/up"), "/a/b/file");
  EXPECT_EQ(fs_.Resolve("/a/to-b/../c"), "/a/c");
  EXPECT_EQ(fs_.Resolve("/../../a/b"), "/a/b");
  EXPECT_EQ(Stat("/a/to-b", /*follow=*/false), 0);
  EXPECT_EQ(stat_.type, FileStat::Type::kSymlink);
  EXPECT_EQ(Stat("/loop/x"), ELOOP);
  EXPECT_EQ(fs_.Resolve("relative"), std::nullopt);
}

TEST_F(ManifestFileSystemTest, LinksOfTheImageAreFollowedWhereTheManifestSaysNothing) {
  const ManifestFileSystem with_image(manifest_,
                                      [](const std::string& path) -> std::optional<std::string> {
                                        if (path == "/lib") return "a/b";
                                        return std::nullopt;
                                      });
  EXPECT_EQ(with_image.Resolve("/lib/file"), "/a/b/file");
}

TEST_F(ManifestFileSystemTest, NothingCanBeOpenedOrChanged) {
  EXPECT_FALSE(fs_.OpenForReading("/a/b/file").ok());
  EXPECT_FALSE(fs_.Create("/a/x", 0600).ok());
  EXPECT_FALSE(fs_.OpenForOverwriting("/a/b/file", 0600).ok());
  EXPECT_FALSE(fs_.Remove("/a/b/file").ok());
  EXPECT_FALSE(fs_.Rename("/a/b/file", "/x").ok());
  EXPECT_FALSE(fs_.MakeDirectory("/x", 0700).ok());
  EXPECT_FALSE(fs_.List("/a").ok());
}

}  // namespace
}  // namespace hpcc
