#include "compiler/file_digests.h"

#include <gtest/gtest.h>

#include "base/faulty_file_system.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

class FileDigestsTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    directory_.Write(name, text);
    return directory_.path() + "/" + name;
  }

  FileSystem& fs_ = FileSystem::Real();
  ScratchDirectory directory_;
};

TEST_F(FileDigestsTest, EachFileHasItsOwnDigestInWhateverOrderItIsTaken) {
  std::vector<std::string> paths;
  FileDigests digests(fs_, 1 << 20);
  for (int i = 0; i < 100; ++i) {
    paths.push_back(Write(StrCat("file", i), std::string(1000 * i, static_cast<char>(i))));
    digests.Ask(paths.back());
  }
  for (int i = 99; i >= 0; --i) {
    const absl::StatusOr<FileDigests::Digested> digested = digests.Take(paths[i]);
    ASSERT_TRUE(digested.ok()) << digested.status();
    EXPECT_EQ(digested->content, Digest::Of(std::string(1000 * i, static_cast<char>(i))));
    EXPECT_EQ(digested->stat.size, 1000U * i);
  }
}

TEST_F(FileDigestsTest, FileIsReadOnceHoweverOftenItIsAskedForAndTaken) {
  FaultyFileSystem counting(fs_);
  const std::string path = Write("file", "text");
  FileDigests digests(counting, 1 << 20);
  for (int i = 0; i < 3; ++i) {
    digests.Ask(path);
    EXPECT_EQ(digests.Take(path)->content, Digest::Of("text"));
  }
  EXPECT_EQ(counting.calls("OpenForReading"), 1);
}

TEST_F(FileDigestsTest, WhatCannotBeReadIsAnErrorOfThatFileAlone) {
  const std::string there = Write("there", "1234");
  const std::string longer = Write("longer", "12345");
  FileDigests digests(fs_, 4);
  for (const std::string& path : {directory_.path() + "/none", longer, there}) digests.Ask(path);
  EXPECT_TRUE(digests.Take(there).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(digests.Take(longer).status()));
  EXPECT_TRUE(absl::IsNotFound(digests.Take(directory_.path() + "/none").status()));
  EXPECT_FALSE(digests.Take(directory_.path() + "/never asked for").ok());
}

TEST_F(FileDigestsTest, WhatIsNotTakenIsNotWaitedFor) {
  FileDigests digests(fs_, 1 << 20);
  for (int i = 0; i < 10; ++i) digests.Ask(Write(StrCat("file", i), "text"));
}

}  // namespace
}  // namespace hpcc
