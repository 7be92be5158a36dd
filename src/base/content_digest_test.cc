#include "base/content_digest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace hpcc {
namespace {

class ContentDigestTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "hpcc-digest-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& data) {
    const std::string path = directory_ + "/file";
    EXPECT_TRUE(WriteFileAtomically(fs_, path, data).ok());
    return path;
  }

  FileSystem& fs_ = FileSystem::Real();
  std::string directory_;
};

TEST_F(ContentDigestTest, FileHasTheDigestOfItsContentWhateverItsLength) {
  for (const size_t size : {0, 1, 65535, 65536, 65537, 131072, 300001}) {
    std::string data(size, '\0');
    for (size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / 251);
    FileStat stat;
    const absl::StatusOr<Digest> digest = DigestFileAndStat(fs_, Write(data), size, &stat);
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_EQ(*digest, Digest::Of(data)) << size;
    EXPECT_EQ(stat.size, size);
  }
}

TEST_F(ContentDigestTest, WhatReadingRefusesIsRefused) {
  FileStat stat;
  EXPECT_TRUE(absl::IsResourceExhausted(DigestFileAndStat(fs_, Write("12345"), 4, &stat).status()));
  EXPECT_TRUE(absl::IsNotFound(DigestFileAndStat(fs_, directory_ + "/no", 4, &stat).status()));
  EXPECT_FALSE(DigestFileAndStat(fs_, directory_, 4, &stat).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(DigestFileAndStat(fs_, "/dev/null", 4, &stat).status()));
}

TEST_F(ContentDigestTest, PiecesAddUp) {
  ContentDigest digest;
  digest.Add("ab");
  digest.Add("");
  digest.Add("c");
  EXPECT_EQ(digest.Finish(), Digest::Of("abc"));
}

}  // namespace
}  // namespace hpcc
