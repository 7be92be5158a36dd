// The small POSIX helpers that look at files: bulk stat, private places, descriptors, directories.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "base/posix_descriptor.h"
#include "base/private_directory.h"
#include "base/process_state.h"
#include "base/strings.h"
#include "base/working_directory.h"

namespace hpcc {
namespace {

class PosixFilesTest : public testing::Test {
 protected:
  PosixFilesTest() {
    char name[] = "/tmp/hpcc-posix-test-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~PosixFilesTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = StrCat(directory_, "/", name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  FileSystem& fs_ = FileSystem::Real();
  std::string directory_;
};

TEST_F(PosixFilesTest, WritingOverWhatIsThereLeavesTheRestAndTheEndAlone) {
  const std::string path = directory_ + "/over";
  const absl::StatusOr<std::unique_ptr<File>> file = fs_.Create(path, 0600);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write("....data").ok());
  ASSERT_TRUE((*file)->WriteAt(0, "head").ok());
  ASSERT_TRUE((*file)->Write("more").ok());
  ASSERT_TRUE((*file)->Close().ok());
  EXPECT_EQ(ReadFile(fs_, path, 100).value(), "headdatamore");
}

TEST_F(PosixFilesTest, ManyStatsAreWhatSingleOnesAre) {
  std::vector<std::string> paths = {"", "/", ".", "..", "/no/such/file", directory_};
  for (int i = 0; i < 20; ++i) paths.push_back(Write(StrCat("many/", i), std::string(i, 'x')));
  for (int i = 0; i < 3; ++i) paths.push_back(Write(StrCat("few/", i), "x"));
  for (int i = 0; i < 8; ++i) {
    paths.push_back(StrCat(directory_, "/many/missing-", i));
    paths.push_back(StrCat(directory_, "/absent/", i));
    paths.push_back(StrCat(directory_, "/many/0/below-a-file-", i));
    paths.push_back(StrCat(directory_, "//many/../many/", i));
    paths.push_back(StrCat(directory_, "/many/"));
  }
  std::filesystem::create_symlink("many", directory_ + "/link");
  std::filesystem::create_symlink("nowhere", directory_ + "/many/dangling");
  for (int i = 0; i < 8; ++i) paths.push_back(StrCat(directory_, "/link/", i));
  paths.push_back(directory_ + "/many/dangling");

  std::vector<StatResult> results(paths.size());
  fs_.StatMany(StatPlan(paths), results);
  for (size_t i = 0; i < paths.size(); ++i) {
    FileStat expected;
    const int error = fs_.Stat(paths[i].c_str(), /*follow_symlinks=*/true, &expected);
    EXPECT_EQ(results[i].error, error) << paths[i];
    if (error == 0) {
      EXPECT_EQ(results[i].stat, expected) << paths[i];
    }
  }
}

TEST_F(PosixFilesTest, PartOfAFileIsCopiedIntoFilesAndDevices) {
  const std::string text = std::string(100'000, 'a') + std::string(100'000, 'b');
  const absl::StatusOr<Descriptor> from = OpenReadOnly(Write("from", text));
  ASSERT_TRUE(from.ok());
  const absl::StatusOr<std::unique_ptr<File>> to = fs_.Create(directory_ + "/to", 0600);
  ASSERT_TRUE(to.ok());
  ASSERT_TRUE((*to)->CopyFrom(*from, 99'999, 3).ok());
  ASSERT_TRUE((*to)->CopyFrom(*from, 0, 2).ok());
  EXPECT_TRUE(absl::IsDataLoss((*to)->CopyFrom(*from, text.size() - 1, 2)));
  EXPECT_EQ(*ReadFile(fs_, directory_ + "/to", 100), "abbaab");
  const absl::StatusOr<std::unique_ptr<File>> device = fs_.OpenForOverwriting("/dev/null", 0600);
  ASSERT_TRUE(device.ok());
  EXPECT_TRUE((*device)->CopyFrom(*from, 0, text.size()).ok());
}

TEST_F(PosixFilesTest, PrivateIsWhatOthersCannotOpen) {
  EXPECT_TRUE(CheckPrivateDirectory(directory_).ok());
  const std::string file = Write("file", "secret");
  chmod(file.c_str(), 0600);
  EXPECT_TRUE(CheckPrivateFile(file).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckPrivateDirectory(file)));
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckPrivateFile(directory_)));
  EXPECT_TRUE(absl::IsNotFound(CheckPrivateFile(directory_ + "/none")));
  std::filesystem::create_symlink("file", directory_ + "/link");
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckPrivateFile(directory_ + "/link")));
  for (const mode_t mode : {0640, 0604, 0610, 0602}) {
    chmod(file.c_str(), mode);
    EXPECT_TRUE(absl::IsFailedPrecondition(CheckPrivateFile(file))) << mode;
  }
  chmod(directory_.c_str(), 0755);
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckPrivateDirectory(directory_)));
  if (geteuid() != 0) return;
  chmod(directory_.c_str(), 0700);
  EXPECT_EQ(chown(directory_.c_str(), 65534, 65534), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckPrivateDirectory(directory_)));
}

TEST_F(PosixFilesTest, SecretsDiffer) {
  EXPECT_EQ(SecretBytes(32)->size(), 32u);
  EXPECT_NE(*SecretBytes(32), *SecretBytes(32));
}

TEST_F(PosixFilesTest, ADescriptorIsReadFromItsStart) {
  const absl::StatusOr<Descriptor> descriptor = OpenReadOnly(Write("file", "contents"));
  ASSERT_TRUE(descriptor.ok());
  char first;
  ASSERT_EQ(read(descriptor->get(), &first, 1), 1);
  EXPECT_EQ(*ReadDescriptor(*descriptor, 8), "contents");
  EXPECT_TRUE(absl::IsResourceExhausted(ReadDescriptor(*descriptor, 7).status()));
}

TEST_F(PosixFilesTest, ADescriptorThatCouldWaitIsNotRead) {
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, directory_, std::string("/dev/zero")}) {
    const absl::StatusOr<Descriptor> descriptor = OpenReadOnly(path);
    ASSERT_TRUE(descriptor.ok()) << path;
    EXPECT_TRUE(absl::IsFailedPrecondition(ReadDescriptor(*descriptor, 100).status())) << path;
  }
}

TEST_F(PosixFilesTest, EachThreadHasADirectoryOfItsOwn) {
  const std::string before = std::filesystem::current_path();
  Write("a/here", "a");
  Write("b/here", "b");
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b"}) {
    threads.emplace_back([this, name] {
      ASSERT_TRUE(SeparateWorkingDirectory().ok());
      for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(EnterDirectory("/").ok());
        ASSERT_TRUE(EnterDirectory(StrCat(directory_, "/", name)).ok());
        EXPECT_EQ(*ReadFile(fs_, "here", 10), name);
        const absl::StatusOr<Descriptor> here = OpenWorkingDirectory();
        ASSERT_TRUE(EnterDirectory("..").ok());
        ASSERT_TRUE(EnterDirectory(*here).ok());
        EXPECT_EQ(*ReadFile(fs_, "here", 10), name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST_F(PosixFilesTest, StoppedAndDeadProcessesAreTold) {
  EXPECT_FALSE(IsStoppedOrGone(getpid()));
  EXPECT_FALSE(IsStoppedOrGone(0));
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  EXPECT_FALSE(IsStoppedOrGone(child));
  kill(child, SIGSTOP);
  int status;
  waitpid(child, &status, WUNTRACED);
  EXPECT_TRUE(IsStoppedOrGone(child));
  EXPECT_TRUE(IsStoppedOrGone(getpid())) << "its child is stopped";
  kill(child, SIGCONT);
  waitpid(child, &status, WCONTINUED);
  EXPECT_FALSE(IsStoppedOrGone(child));
  kill(child, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  EXPECT_TRUE(IsStoppedOrGone(child)) << "a zombie";
  waitpid(child, &status, 0);
  EXPECT_TRUE(IsStoppedOrGone(child));
}

}  // namespace
}  // namespace hpcc
