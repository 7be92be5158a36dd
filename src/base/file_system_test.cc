#include "base/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/faulty_file_system.h"

namespace hpcc {
namespace {

constexpr uint64_t kAnySize = uint64_t{1} << 30;

class FileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "hpcc-base-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  void Write(const std::string& name, const std::string& contents) {
    std::ofstream(Path(name), std::ios::binary | std::ios::trunc) << contents;
  }
  std::string Contents(const std::string& name) {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  std::vector<std::string> Names() {
    auto names = fs_.List(directory_).value();
    std::sort(names.begin(), names.end());
    return names;
  }

  FileSystem& fs_ = FileSystem::Real();
  std::string directory_;
};

TEST_F(FileSystemTest, StatTellsWhatIsThere) {
  Write("file", "12345");
  ASSERT_EQ(chmod(Path("file").c_str(), 0640), 0);
  ASSERT_EQ(symlink("file", Path("link").c_str()), 0);
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  FileStat stat;
  ASSERT_EQ(fs_.Stat(Path("file").c_str(), true, &stat), 0);
  EXPECT_TRUE(stat.is_regular());
  EXPECT_EQ(stat.size, 5u);
  EXPECT_EQ(stat.mode, 0640u);
  struct stat expected {};
  ASSERT_EQ(::stat(Path("file").c_str(), &expected), 0);
  EXPECT_EQ(stat.inode, expected.st_ino);
  EXPECT_EQ(stat.device, expected.st_dev);
  EXPECT_EQ(stat.modified_ns, expected.st_mtim.tv_sec * 1'000'000'000 + expected.st_mtim.tv_nsec);
  EXPECT_EQ(stat.changed_ns, expected.st_ctim.tv_sec * 1'000'000'000 + expected.st_ctim.tv_nsec);
  FileStat through_link;
  ASSERT_EQ(fs_.Stat(Path("link").c_str(), true, &through_link), 0);
  EXPECT_EQ(through_link, stat);
  ASSERT_EQ(fs_.Stat(Path("link").c_str(), false, &stat), 0);
  EXPECT_EQ(stat.type, FileStat::Type::kSymlink);
  ASSERT_EQ(fs_.Stat(directory_.c_str(), true, &stat), 0);
  EXPECT_TRUE(stat.is_directory());
  ASSERT_EQ(fs_.Stat(Path("fifo").c_str(), true, &stat), 0);
  EXPECT_EQ(stat.type, FileStat::Type::kOther);
  EXPECT_EQ(fs_.Stat(Path("none").c_str(), true, &stat), ENOENT);
  EXPECT_EQ(fs_.Stat(Path("file/below").c_str(), true, &stat), ENOTDIR);
}

TEST_F(FileSystemTest, ErrorsKeepTheirKind) {
  Write("file", "");
  ASSERT_TRUE(fs_.MakeDirectory(Path("directory"), 0777).ok());
  EXPECT_TRUE(absl::IsNotFound(fs_.OpenForReading(Path("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(fs_.Rename(Path("none"), Path("other"))));
  EXPECT_TRUE(absl::IsNotFound(fs_.Remove(Path("none"))));
  EXPECT_TRUE(absl::IsNotFound(fs_.List(Path("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(fs_.MakeDirectory(Path("a/b"), 0777)));
  EXPECT_TRUE(absl::IsAlreadyExists(fs_.Create(Path("file"), 0666).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(fs_.MakeDirectory(Path("file"), 0777)));
  EXPECT_TRUE(fs_.MakeDirectory(Path("directory"), 0777).ok());
  EXPECT_FALSE(fs_.Remove(Path("directory")).ok());
  EXPECT_TRUE(fs_.RemoveDirectory(Path("directory")).ok());
  EXPECT_NE(fs_.Remove(Path("none")).message().find(Path("none").c_str()), absl::string_view::npos);
}

TEST_F(FileSystemTest, ReadFileReadsAllOrRefuses) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{3'000'001}}) {
    const std::string contents(size, 'x');
    Write("file", contents);
    FileStat stat;
    EXPECT_EQ(ReadFileAndStat(fs_, Path("file"), size, &stat).value(), contents);
    EXPECT_EQ(stat.size, size);
    if (size == 0) continue;
    EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(fs_, Path("file"), size - 1).status()));
  }
}

TEST_F(FileSystemTest, NothingIsReadOfAFileThatIsTooLong) {
  Write("file", "12345");
  FaultyFileSystem counting(fs_);
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(counting, Path("file"), 4).status()));
  EXPECT_EQ(counting.calls("ReadAt"), 0);
  EXPECT_TRUE(ReadFile(counting, Path("file"), 5).ok());
  EXPECT_EQ(counting.calls("ReadAt"), 1);
}

TEST_F(FileSystemTest, FilesThatClaimToBeEmptyAreReadWhole) {
  EXPECT_GT(ReadFile(fs_, "/proc/self/status", kAnySize).value().size(), 100u);
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(fs_, "/proc/self/status", 10).status()));
}

TEST_F(FileSystemTest, WhatIsNotARegularFileIsNotRead) {
  EXPECT_FALSE(ReadFile(fs_, directory_, kAnySize).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadFile(fs_, "/dev/zero", kAnySize).status()));
  // A FIFO that nobody writes to: it must not wait.
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadFile(fs_, Path("fifo"), kAnySize).status()));
}

TEST_F(FileSystemTest, ReadAtReadsWhereTold) {
  Write("file", "0123456789");
  const auto file = fs_.OpenForReading(Path("file")).value();
  EXPECT_EQ(*file->ReadAt(0, 4), "0123");
  EXPECT_EQ(*file->ReadAt(8, 4), "89");
  EXPECT_EQ(*file->ReadAt(10, 4), "");
  ASSERT_TRUE(file->Stat().ok());
  EXPECT_EQ(*file->ReadAt(3, 4), "3456");
  EXPECT_EQ(*file->ReadAt(0, 100), "0123456789");
}

TEST_F(FileSystemTest, ModesFollowTheUmask) {
  const mode_t old = umask(0027);
  const auto file = fs_.Create(Path("file"), 0666);
  const absl::Status made = MakeDirectories(fs_, Path("a/b"));
  umask(old);
  ASSERT_TRUE(file.ok() && made.ok());
  EXPECT_EQ(StatFile(fs_, Path("file"))->mode, 0640u);
  EXPECT_EQ(StatFile(fs_, Path("a"))->mode, 0750u);
  ASSERT_TRUE((*file)->SetMode(0755).ok());
  EXPECT_EQ(StatFile(fs_, Path("file"))->mode, 0755u);
}

TEST_F(FileSystemTest, OverwritingCutsToNothing) {
  Write("file", "something long");
  const auto file = fs_.OpenForOverwriting(Path("file"), 0666).value();
  ASSERT_TRUE(file->Write("new").ok());
  ASSERT_TRUE(file->Close().ok());
  EXPECT_EQ(Contents("file"), "new");
}

TEST_F(FileSystemTest, ALockIsOnePerFileAndGoesWithIt) {
  auto one = fs_.Create(Path("file"), 0666).value();
  const auto other = fs_.OpenForReading(Path("file")).value();
  ASSERT_TRUE(one->TryLock().ok());
  EXPECT_TRUE(absl::IsUnavailable(other->TryLock()));
  EXPECT_TRUE(one->Flush().ok());
  EXPECT_TRUE(absl::IsUnavailable(other->TryLock()));
  EXPECT_TRUE(one->Write("still open").ok());
  one.reset();
  EXPECT_TRUE(other->TryLock().ok());
}

TEST_F(FileSystemTest, SetModifiedKeepsNanoseconds) {
  Write("file", "");
  for (const int64_t time : {int64_t{1'700'000'000'123'456'789}, int64_t{0}, int64_t{-1}}) {
    ASSERT_TRUE(fs_.SetModified(Path("file"), time).ok());
    EXPECT_EQ(StatFile(fs_, Path("file"))->modified_ns, time);
  }
}

TEST_F(FileSystemTest, LinksAreReadAndResolved) {
  Write("file", "");
  ASSERT_EQ(symlink("file", Path("link").c_str()), 0);
  EXPECT_EQ(*fs_.ReadLink(Path("link")), "file");
  EXPECT_FALSE(fs_.ReadLink(Path("file")).ok());
  EXPECT_EQ(*fs_.RealPath(Path("link")), *fs_.RealPath(Path("file")));
  EXPECT_TRUE(absl::IsNotFound(fs_.RealPath(Path("none")).status()));
}

TEST_F(FileSystemTest, NoFileIsEverAStandardStream) {
  const pid_t child = fork();
  if (child == 0) {
    for (int fd = 0; fd < 3; ++fd) close(fd);
    const auto file = fs_.Create(Path("file"), 0666);
    const ssize_t written = write(STDERR_FILENO, "a message", 9);
    _exit(file.ok() && written < 0 && (*file)->Write("data").ok() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Contents("file"), "data");
}

TEST_F(FileSystemTest, MakeDirectoriesMakesAllAndMindsWhatIsThere) {
  EXPECT_TRUE(MakeDirectories(fs_, Path("a/b/c")).ok());
  EXPECT_TRUE(MakeDirectories(fs_, Path("a/b/c")).ok());
  EXPECT_TRUE(MakeDirectories(fs_, Path("a//x///y/")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("a/x/y")));
  ASSERT_EQ(symlink("a", Path("link").c_str()), 0);
  EXPECT_TRUE(MakeDirectories(fs_, Path("link/z")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("a/z")));
  Write("file", "");
  EXPECT_FALSE(MakeDirectories(fs_, Path("file/below")).ok());
  EXPECT_FALSE(MakeDirectories(fs_, "").ok());
}

TEST_F(FileSystemTest, TemporaryNamesAreBesideAndNeverTheSame) {
  const std::string one = TemporaryNameBeside("/a/b");
  EXPECT_EQ(one.rfind("/a/b.hpcc-" + std::to_string(getpid()) + "-", 0), 0u) << one;
  EXPECT_NE(one, TemporaryNameBeside("/a/b"));
}

TEST_F(FileSystemTest, AnAtomicWriteThatFailsAtAnyCallLeavesTheOldFileAndNothingElse) {
  FaultyFileSystem faulty(fs_);
  int failures = 0;
  for (int n = 1;; ++n) {
    Write("file", "old");
    faulty.FailCall(n, EIO);
    const absl::Status status = WriteFileAtomically(faulty, Path("file"), "new");
    EXPECT_EQ(Contents("file"), status.ok() ? "new" : "old") << n;
    EXPECT_EQ(Names(), std::vector<std::string>{"file"}) << n;
    if (!faulty.fault_happened()) break;
    EXPECT_FALSE(status.ok()) << n;
    ++failures;
  }
  EXPECT_EQ(failures, 4) << "create, write, close, rename";
}

TEST_F(FileSystemTest, AnAtomicWriteTornAtAnyLengthLeavesTheOldFile) {
  FaultyFileSystem faulty(fs_);
  Write("file", "old");
  for (size_t bytes = 0; bytes < 3; ++bytes) {
    faulty.TearWrite(1, bytes);
    EXPECT_TRUE(absl::IsResourceExhausted(WriteFileAtomically(faulty, Path("file"), "new")));
    EXPECT_EQ(Contents("file"), "old");
    EXPECT_EQ(Names(), std::vector<std::string>{"file"});
  }
}

TEST_F(FileSystemTest, TheFaultySystemDoesAsOrdered) {
  FaultyFileSystem faulty(fs_);
  {
    const auto file = faulty.Create(Path("torn"), 0666);
    faulty.TearWrite(2, 1);
    EXPECT_TRUE((*file)->Write("ab").ok());
    EXPECT_TRUE(absl::IsResourceExhausted((*file)->Write("cd")));
    EXPECT_TRUE((*file)->Write("ef").ok());
  }
  EXPECT_EQ(Contents("torn"), "abcef");

  faulty.KillAt(2);
  EXPECT_TRUE(faulty.List(directory_).ok());
  EXPECT_FALSE(faulty.Remove(Path("torn")).ok());
  EXPECT_FALSE(faulty.List(directory_).ok());
  EXPECT_EQ(Names(), std::vector<std::string>{"torn"});
  EXPECT_EQ(faulty.calls(), 3);
  EXPECT_EQ(faulty.calls("List"), 2);

  faulty.FillDisk();
  EXPECT_TRUE(absl::IsResourceExhausted(faulty.Create(Path("new"), 0666).status()));
  EXPECT_TRUE(faulty.Remove(Path("torn")).ok());
  EXPECT_TRUE(faulty.fault_happened());
  faulty.Behave();
  EXPECT_TRUE(faulty.Create(Path("new"), 0666).ok());
  EXPECT_FALSE(faulty.fault_happened());
}

}  // namespace
}  // namespace hpcc
