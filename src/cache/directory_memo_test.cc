#include "cache/directory_memo.h"

#include <sys/stat.h>

#include "base/faulty_file_system.h"
#include "base/path.h"
#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

class DirectoryMemoTest : public testing::Test {
 protected:
  DirectoryMemoTest() {
    char name[] = "/tmp/hpcc-directory-test-XXXXXX";
    directory_ = mkdtemp(name);
    for (const char* file : {"a.h", "B.h"}) std::ofstream(StrCat(directory_, "/", file)) << "x";
    std::filesystem::create_directory(directory_ + "/sub");
    std::filesystem::create_symlink("nowhere", directory_ + "/dangling");
  }
  ~DirectoryMemoTest() override { std::filesystem::remove_all(directory_); }

  // Through a view as a request has it, against what the file system says.
  void ExpectAsItIs(const std::string& path) {
    ListedFileSystem view(FileSystem::Real(), later_, memo_);
    for (const bool follow : {false, true}) {
      FileStat expected;
      FileStat found;
      const int error = FileSystem::Real().Stat(path.c_str(), follow, &expected);
      EXPECT_EQ(view.Stat(path.c_str(), follow, &found), error) << path;
      if (error == 0) {
        EXPECT_EQ(found, expected) << path;
      }
    }
  }

  ShiftedClock later_{std::chrono::minutes(1)};
  std::string directory_;
  DirectoryMemo memo_;
};

TEST_F(DirectoryMemoTest, EverythingIsAsItIs) {
  for (int i = 0; i < 2; ++i) {
    for (const char* name : {"a.h", "b.h", "B.h", "sub", "sub/", "sub/x.h", "none/x.h", "a.h/x.h",
                             "dangling", ".", "..", "sub/../a.h", "", "x.h"}) {
      ExpectAsItIs(StrCat(directory_, "/", name));
    }
    ExpectAsItIs("/");
    ExpectAsItIs("/tmp");
    ExpectAsItIs("relative");
    ExpectAsItIs("");
  }
}

TEST_F(DirectoryMemoTest, AFileMadeSinceIsSeenByTheNextRequest) {
  ExpectAsItIs(directory_ + "/new.h");
  std::ofstream(directory_ + "/new.h") << "x";
  ExpectAsItIs(directory_ + "/new.h");
  std::filesystem::remove(directory_ + "/new.h");
  ExpectAsItIs(directory_ + "/new.h");
  std::filesystem::rename(directory_, directory_ + "-moved");
  ExpectAsItIs(directory_ + "/a.h");
  std::filesystem::rename(directory_ + "-moved", directory_);
  ExpectAsItIs(directory_ + "/a.h");
}

TEST_F(DirectoryMemoTest, AbsentNamesCostNoLookAtEach) {
  FaultyFileSystem counting(FileSystem::Real());
  ListedFileSystem view(counting, later_, memo_);
  FileStat stat;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(view.Stat(StrCat(directory_, "/absent-", i).c_str(), true, &stat), ENOENT);
    EXPECT_EQ(view.Stat(StrCat(directory_, "/none/absent-", i).c_str(), true, &stat), ENOENT);
  }
  EXPECT_LT(counting.calls(), 10);
}

TEST_F(DirectoryMemoTest, ADirectoryThatChangedAMomentAgoIsAskedForEachName) {
  FaultyFileSystem counting(FileSystem::Real());
  ShiftedClock now{std::chrono::seconds(0)};
  ListedFileSystem view(counting, now, memo_);
  FileStat stat;
  EXPECT_EQ(view.Stat((directory_ + "/late.h").c_str(), true, &stat), ENOENT);
  std::ofstream(directory_ + "/late.h") << "x";
  EXPECT_EQ(view.Stat((directory_ + "/late.h").c_str(), true, &stat), 0);
}

// As on a file system that doesn't tell upper from lower case.
class FoldingFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  int Stat(const char* full_path, bool follow, FileStat* stat) override {
    const std::string_view name = path::Basename(full_path);
    if (name == "A.H" || name == "A.h") return 0;
    return ForwardingFileSystem::Stat(full_path, follow, stat);
  }
};

TEST_F(DirectoryMemoTest, WhereCaseDoesNotCountNoListIsTrusted) {
  std::filesystem::remove(directory_ + "/B.h");
  std::filesystem::remove(directory_ + "/sub");
  std::filesystem::remove(directory_ + "/dangling");
  FoldingFileSystem folding(FileSystem::Real());
  ListedFileSystem view(folding, later_, memo_);
  FileStat stat;
  EXPECT_EQ(view.Stat((directory_ + "/A.H").c_str(), true, &stat), 0);
}

}  // namespace
}  // namespace hpcc
