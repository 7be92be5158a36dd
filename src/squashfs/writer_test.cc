#include "squashfs/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/faulty_file_system.h"
#include "base/status.h"
#include "base/strings.h"
#include "squashfs/directory_table.h"
#include "squashfs/format.h"

namespace hpcc {
namespace {

using Kind = SquashfsInode::Kind;

class SquashfsWriterTest : public testing::Test {
 protected:
  SquashfsWriterTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    tree_.inodes.push_back(Directory());
  }

  static SquashfsInode Directory() {
    SquashfsInode inode{.kind = Kind::kDirectory, .mode = 0755};
    inode.entries = std::make_unique<SquashfsInode::Entries>();
    return inode;
  }
  uint32_t Add(uint32_t directory, const std::string& name, SquashfsInode inode) {
    tree_.inodes.push_back(std::move(inode));
    const auto place = static_cast<uint32_t>(tree_.inodes.size() - 1);
    (*tree_.inodes[directory].entries)[name] = place;
    return place;
  }

  // Writes `tree_` and a file /data; the image's bytes.
  absl::StatusOr<std::string> Write(const SquashfsOptions& options = {}, std::string_view data = {},
                                    FileSystem& fs = FileSystem::Real()) {
    const std::string path = StrCat(directory_, "/", ++images_);
    HPCC_ASSIGN_OR_RETURN(const auto writer, SquashfsWriter::Create(fs, path, options));
    if (!data.empty()) {
      HPCC_RETURN_IF_ERROR(writer->AppendData(data));
      SquashfsInode inode{.mode = 0644};
      HPCC_ASSIGN_OR_RETURN(inode.data, writer->EndData());
      Add(0, "data", std::move(inode));
    }
    HPCC_RETURN_IF_ERROR(writer->Finish(tree_));
    return ReadFile(FileSystem::Real(), path, 1 << 30);
  }

  const std::string directory_ = testing::TempDir() + "/squashfs_writer_test";
  SquashfsTree tree_;
  int images_ = 0;
};

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (unsigned char byte : bytes) {
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

// Nothing in it is worth packing, so every byte is this room's own.
TEST_F(SquashfsWriterTest, GoldenBytesOfAnEmptyRoot) {
  const absl::StatusOr<std::string> image = Write({.time = 0x01020304});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->size(), squashfs::kPadding);
  EXPECT_EQ(Hex(image->substr(0, 0xb0)),
            "68737173"
            "01000000"
            "04030201"
            "00000200"
            "00000000"
            "0600"
            "1100"
            "c006"
            "0100"
            "0400"
            "0000"
            "0000000000000000"  // root inode: the first byte of the table
            "a800000000000000"  // bytes used
            "a000000000000000"  // ids
            "ffffffffffffffff"  // no attributes
            "6600000000000000"  // inodes
            "8800000000000000"  // directories: none has an entry
            "8800000000000000"  // fragments: none
            "9200000000000000"  // export
            "0480"
            "09000000"  // zstd level 9
            "2080"
            "0100"
            "ed01"
            "0000"
            "0000"
            "00000000"
            "01000000"  // a directory, 0755, of root
            "00000000"
            "02000000"
            "0300"
            "0000"
            "02000000"
            "0880"
            "0000000000000000"
            "8800000000000000"  // export: inode 1
            "0480"
            "00000000"
            "9a00000000000000"
            "0000000000000000");
}

TEST_F(SquashfsWriterTest, SameCallsGiveTheSameBytes) {
  const std::string data(300'000, 'x');
  const std::string first = *Write({}, data);
  const std::string second = *Write({}, data);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, *Write({.time = 1}, data));
}

TEST_F(SquashfsWriterTest, LevelThatIsNoneIsRefused) {
  EXPECT_EQ(Write({.level = 23}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Write({.compression = SquashfsCompression::kGzip, .level = 10}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SquashfsWriterTest, TreesThatAreNoneAreRefused) {
  const auto refused = [this](std::string_view why) {
    const absl::Status status = Write().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(std::string(why)));
    tree_.inodes[0].entries->clear();
  };
  for (const char* name : {"", ".", "..", "a/b"}) {
    Add(0, name, {.mode = 0644});
    refused("a name is none");
  }
  Add(0, std::string(256, 'n'), {.mode = 0644});
  refused("a name is none");
  (*tree_.inodes[0].entries)["nowhere"] = 1000;
  refused("leads nowhere");
  (*tree_.inodes[0].entries)["again"] = Add(0, "once", Directory());
  refused("two places");
  const uint32_t below = Add(0, "below", Directory());
  (*tree_.inodes[below].entries)["root"] = 0;
  refused("two places");
  Add(0, "link", {.kind = Kind::kSymlink});
  refused("target");
  Add(0, "file", {.data = 7});
  refused("data isn't there");
  Add(0, "attribute", {.xattrs = {{"system.posix_acl_access", "x"}}});
  refused("no place for the attribute system.posix_acl_access");
}

TEST_F(SquashfsWriterTest, MoreIdsThanThereAreNumbersForAreRefused) {
  for (uint32_t id = 0; id < 65535; ++id) Add(0, StrCat(id), {.uid = id, .gid = id});
  EXPECT_TRUE(Write().ok());
  Add(0, "more", {.uid = 65535});
  EXPECT_EQ(Write().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SquashfsWriterTest, EveryFailureOfTheFileSystemIsTold) {
  FaultyFileSystem fs(FileSystem::Real());
  fs.Behave();
  const std::string data(600'000, 'x');
  ASSERT_TRUE(Write({}, data, fs).ok());
  const int calls = fs.calls();
  ASSERT_GT(calls, 5);
  for (int n = 1; n <= calls; ++n) {
    fs.FailCall(n, EIO);
    EXPECT_FALSE(Write({}, data, fs).ok()) << n;
  }
}

TEST(DirectoryTableTest, LongListHasAnIndexEntryForEachBlockThatBeginsInIt) {
  const auto compressor = *squashfs::Compressor::Create(SquashfsCompression::kZstd, 1);
  squashfs::DirectoryTable table(*compressor);
  std::vector<std::string> names;
  for (int i = 10'000; i < 12'000; ++i) names.push_back(StrCat("n", i));
  std::vector<squashfs::DirectoryEntry> entries;
  for (uint32_t i = 0; i < names.size(); ++i) {
    entries.push_back({.name = names[i], .inode = i * 20 % 8192, .number = i + 1, .type = 2});
  }
  const absl::StatusOr<squashfs::DirectoryList> list = table.Add(entries);
  ASSERT_TRUE(list.ok());
  EXPECT_GT(list->size, 3 * squashfs::kMetadataSize);
  EXPECT_EQ(list->index_entries, list->size / squashfs::kMetadataSize);
  const absl::StatusOr<squashfs::DirectoryList> few = table.Add({entries[0]});
  EXPECT_EQ(few->size, 12 + 8 + 6u);
  EXPECT_EQ(few->index_entries, 0);
}

}  // namespace
}  // namespace hpcc
