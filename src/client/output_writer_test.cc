#include "client/output_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/faulty_file_system.h"
#include "base/strings.h"

namespace hpcc {
namespace {

class OutputWriterTest : public testing::Test {
 protected:
  OutputWriterTest() : umask_(umask(022)) {
    std::string name = testing::TempDir() + "hpcc-output-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
  }
  ~OutputWriterTest() override {
    umask(umask_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string At(const std::string& name) const { return StrCat(directory_, "/", name); }
  static void Make(const std::string& path, const std::string& text, mode_t mode = 0644) {
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
  }
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static struct stat Stat(const std::string& path) {
    struct stat result {};
    EXPECT_EQ(lstat(path.c_str(), &result), 0) << path;
    return result;
  }
  size_t FileCount() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

  std::string directory_;
  FileSystem& fs_ = FileSystem::Real();
  static constexpr OutputKind kKinds[] = {OutputKind::kReplaced, OutputKind::kOverwritten};

 private:
  mode_t umask_;
};

TEST_F(OutputWriterTest, DeviceIsWrittenToAndStaysADevice) {
  const std::string device = At("null");
  if (mknod(device.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) GTEST_SKIP() << "needs root";
  const struct stat before = Stat(device);
  for (const OutputKind kind : kKinds) {
    // A mount may forbid devices: then the write fails, and the device is still left alone.
    WriteOutput(fs_, device, "object", kind).IgnoreError();
    const struct stat after = Stat(device);
    EXPECT_TRUE(S_ISCHR(after.st_mode));
    EXPECT_EQ(after.st_ino, before.st_ino);
  }
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(OutputWriterTest, SymlinkToADeviceStaysASymlink) {
  ASSERT_EQ(symlink("/dev/null", At("out.o").c_str()), 0);
  for (const OutputKind kind : kKinds) {
    EXPECT_TRUE(WriteOutput(fs_, At("out.o"), "object", kind).ok());
    EXPECT_TRUE(S_ISLNK(Stat(At("out.o")).st_mode));
    EXPECT_TRUE(S_ISCHR(Stat("/dev/null").st_mode));
  }
}

TEST_F(OutputWriterTest, NewFileGetsTheModeOfTheUmask) {
  for (const OutputKind kind : kKinds) {
    for (const mode_t mask : {022, 077, 002, 0}) {
      umask(mask);
      const std::string path = At(StrCat("new-", static_cast<int>(kind), "-", mask));
      ASSERT_TRUE(WriteOutput(fs_, path, "object", kind).ok());
      EXPECT_EQ(Stat(path).st_mode & 07777, 0666U & ~mask);
      EXPECT_EQ(Read(path), "object");
    }
  }
}

TEST_F(OutputWriterTest, OverwrittenFileKeepsItsModeAndReplacedFileGetsANewOne) {
  Make(At("kept"), "old", 0640);
  ASSERT_TRUE(WriteOutput(fs_, At("kept"), "new", OutputKind::kOverwritten).ok());
  EXPECT_EQ(Stat(At("kept")).st_mode & 07777, 0640U);
  Make(At("replaced"), "old", 0640);
  ASSERT_TRUE(WriteOutput(fs_, At("replaced"), "new", OutputKind::kReplaced).ok());
  EXPECT_EQ(Stat(At("replaced")).st_mode & 07777, 0644U);
  EXPECT_EQ(Read(At("kept")), "new");
  EXPECT_EQ(Read(At("replaced")), "new");
}

TEST_F(OutputWriterTest, OverwritingASymlinkWritesWhatItPointsTo) {
  Make(At("target"), "old");
  ASSERT_EQ(symlink("target", At("link").c_str()), 0);
  ASSERT_TRUE(WriteOutput(fs_, At("link"), "new", OutputKind::kOverwritten).ok());
  EXPECT_TRUE(S_ISLNK(Stat(At("link")).st_mode));
  EXPECT_EQ(Read(At("target")), "new");
}

TEST_F(OutputWriterTest, OtherNamesOfAReplacedFileKeepTheOldContent) {
  Make(At("one"), "old");
  ASSERT_EQ(link(At("one").c_str(), At("two").c_str()), 0);
  ASSERT_TRUE(WriteOutput(fs_, At("one"), "new", OutputKind::kReplaced).ok());
  EXPECT_EQ(Read(At("two")), "old");
}

TEST_F(OutputWriterTest, DirectoryInTheWayIsAnErrorAndStays) {
  ASSERT_EQ(mkdir(At("out.o").c_str(), 0755), 0);
  for (const OutputKind kind : kKinds) {
    EXPECT_FALSE(WriteOutput(fs_, At("out.o"), "object", kind).ok());
    EXPECT_TRUE(S_ISDIR(Stat(At("out.o")).st_mode));
  }
}

TEST_F(OutputWriterTest, MissingDirectoryIsAnError) {
  EXPECT_FALSE(WriteOutput(fs_, At("gone/out.o"), "object", OutputKind::kReplaced).ok());
}

TEST_F(OutputWriterTest, FullDiskLeavesTheOldFileAndNothingElse) {
  FaultyFileSystem full(fs_);
  for (const OutputKind kind : kKinds) {
    Make(At("out.o"), "old");
    full.FillDisk();
    EXPECT_FALSE(WriteOutput(full, At("out.o"), "new", kind).ok());
    EXPECT_EQ(Read(At("out.o")), "old");
    EXPECT_EQ(FileCount(), 1);
  }
}

TEST_F(OutputWriterTest, FailureOfAnyCallIsReportedOrLeavesTheWholeNewFile) {
  FaultyFileSystem faulty(fs_);
  for (int n = 1; n < 20; ++n) {
    Make(At("out.o"), "old");
    faulty.FailCall(n, EIO);
    const absl::Status status = WriteOutput(faulty, At("out.o"), "new", OutputKind::kReplaced);
    if (status.ok()) {
      EXPECT_EQ(Read(At("out.o")), "new") << "call " << n;
    } else {
      EXPECT_TRUE(Read(At("out.o")) == "old" || Read(At("out.o")) == "new") << "call " << n;
    }
    if (!faulty.fault_happened()) break;
  }
}

TEST_F(OutputWriterTest, PendingOutputIsSeenOnlyOnceItIsCommitted) {
  for (const OutputKind kind : kKinds) {
    Make(At("out.o"), "old");
    absl::StatusOr<PendingOutput> pending =
        PendingOutput::WriteAside(fs_, At("out.o"), "new", kind);
    ASSERT_TRUE(pending.ok()) << pending.status();
    EXPECT_EQ(Read(At("out.o")), "old");
    ASSERT_TRUE(pending->Commit().ok());
    EXPECT_EQ(Read(At("out.o")), "new");
    EXPECT_EQ(FileCount(), 1);
  }
}

TEST_F(OutputWriterTest, PendingOutputThatIsNotCommittedLeavesNothing) {
  Make(At("out.o"), "old");
  ASSERT_EQ(symlink("nowhere", At("link").c_str()), 0);
  for (const OutputKind kind : kKinds) {
    for (const char* name : {"out.o", "fresh.o", "link"}) {
      EXPECT_TRUE(PendingOutput::WriteAside(fs_, At(name), "new", kind).ok());
    }
  }
  EXPECT_EQ(Read(At("out.o")), "old");
  EXPECT_EQ(FileCount(), 2);
}

}  // namespace
}  // namespace hpcc
