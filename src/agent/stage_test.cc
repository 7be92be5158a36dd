#include "agent/stage.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace hpcc {
namespace {

// What these paths are, as files of one blob of two pages.
Stage::Size SizeOf(const std::vector<std::string>& paths) {
  const std::string directory = ::testing::TempDir() + "/stage_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  BlobStore blobs(Descriptor(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), 1 << 20);
  const std::string data(5000, 'x');
  BlobStore::Arrival arrival(blobs, Digest::Of(data));
  EXPECT_TRUE(arrival.Add(data).ok() && arrival.Finish(nullptr).ok());
  std::vector<ManifestEntry> entries;
  for (const std::string& path : paths) {
    entries.push_back(
        {.path = path, .kind = ManifestEntry::Kind::kFile, .digest = Digest::Of(data)});
  }
  std::vector<const ManifestEntry*> staged;
  for (const ManifestEntry& entry : entries) staged.push_back(&entry);
  return Stage::SizeOf(staged, blobs);
}

TEST(StageTest, ABlobCountsAsOftenAsItIsThereAndSoDoesEachFileAndDirectory) {
  EXPECT_EQ(SizeOf({}).bytes, 0u);
  EXPECT_EQ(SizeOf({"/w/a"}).bytes, 8192u + 2 * 1024);
  EXPECT_EQ(SizeOf({"/w/a", "/w/b", "/w/c"}).bytes, 3 * 8192u + 4 * 1024);
}

TEST(StageTest, DirectoriesOnTheWayCountOnce) {
  EXPECT_EQ(SizeOf({"/w/a/b/c/f"}).files, 4u + 1);
  EXPECT_EQ(SizeOf({"/w/a/f", "/w/a/g", "/w/b/f"}).files, 3u + 3);
  EXPECT_EQ(SizeOf({"/w/a/f", "/w/a/x/y/f"}).files, 4u + 2);
  EXPECT_EQ(SizeOf({"/w/a/x/y/f", "/w/a/z"}).files, 4u + 2);
}

TEST(StageTest, ANameThatBeginsWithAnothersIsAnotherDirectory) {
  EXPECT_EQ(SizeOf({"/w/a-b/f", "/w/a/f"}).files, 3u + 2);  // '-' comes before '/'
  EXPECT_EQ(SizeOf({"/w/a/f", "/w/ab/f"}).files, 3u + 2);
}

}  // namespace
}  // namespace hpcc
