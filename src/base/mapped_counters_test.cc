#include "base/mapped_counters.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

namespace hpcc {
namespace {

using Access = MappedCounters::Access;

class MappedCountersTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "hpcc-base-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = name + "/deep/counters";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  absl::StatusOr<std::unique_ptr<MappedCounters>> Open(Access access = Access::kReadWrite,
                                                       uint64_t version = 1, size_t count = 4) {
    return MappedCounters::Open(FileSystem::Real(), path_, "COUNTERS", version, count, access);
  }
  std::string Contents() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  size_t FilesBeside() {
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/deep")) {
      files += entry.is_regular_file() ? 1 : 0;
    }
    return files;
  }

  std::string directory_;
  std::string path_;
};

TEST_F(MappedCountersTest, TheFileIsAsDescribed) {
  const auto counters = Open();
  ASSERT_TRUE(counters.ok()) << counters.status();
  (*counters)->Add(1, 0x0102);
  EXPECT_EQ(Contents(), std::string("COUNTERS"
                                    "\x01\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0"
                                    "\x02\x01\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0",
                                    48));
  EXPECT_EQ(FilesBeside(), 1u);
}

TEST_F(MappedCountersTest, CountsAreSharedAndKept) {
  {
    const auto one = Open();
    const auto other = Open();
    (*one)->Add(0, 5);
    (*other)->Add(0, 7);
    EXPECT_EQ((*one)->Load(0), 12u);
  }
  EXPECT_EQ((*Open(Access::kReadOnly))->Load(0), 12u);
}

TEST_F(MappedCountersTest, SubtractStopsAtZero) {
  const auto counters = Open();
  (*counters)->Store(2, 10);
  (*counters)->Subtract(2, 4);
  EXPECT_EQ((*counters)->Load(2), 6u);
  (*counters)->Subtract(2, 7);
  EXPECT_EQ((*counters)->Load(2), 0u);
}

TEST_F(MappedCountersTest, CompareAndStoreLeavesWhatHasChanged) {
  const auto counters = Open();
  (*counters)->Store(0, 10);
  EXPECT_FALSE((*counters)->CompareAndStore(0, 9, 1));
  EXPECT_EQ((*counters)->Load(0), 10u);
  EXPECT_TRUE((*counters)->CompareAndStore(0, 10, 1));
  EXPECT_EQ((*counters)->Load(0), 1u);
}

TEST_F(MappedCountersTest, ReadOnlyNeitherMakesNorMendsNorChanges) {
  EXPECT_TRUE(absl::IsNotFound(Open(Access::kReadOnly).status()));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(Open().ok());
  const auto counters = Open(Access::kReadOnly);
  (*counters)->Add(0, 1);
  (*counters)->Store(1, 1);
  (*counters)->Subtract(2, 1);
  EXPECT_FALSE((*counters)->CompareAndStore(3, 0, 1));
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ((*counters)->Load(i), 0u);
  std::ofstream(path_) << "wrong";
  EXPECT_TRUE(absl::IsDataLoss(Open(Access::kReadOnly).status()));
  EXPECT_EQ(Contents(), "wrong");
}

TEST_F(MappedCountersTest, AWrongFileIsReplacedByZeroes) {
  ASSERT_TRUE(Open().ok());
  const std::string good = Contents();
  for (size_t size = 0; size < good.size(); ++size) {
    std::ofstream(path_, std::ios::trunc | std::ios::binary) << good.substr(0, size);
    ASSERT_TRUE(Open().ok()) << size;
    ASSERT_EQ(Contents(), good) << size;
  }
  for (size_t i = 0; i < 16; ++i) {
    std::string wrong = good;
    wrong[i] = '!';
    std::ofstream(path_, std::ios::trunc | std::ios::binary) << wrong;
    ASSERT_TRUE(Open().ok()) << i;
    ASSERT_EQ(Contents(), good) << i;
  }
  EXPECT_EQ(FilesBeside(), 1u);
}

TEST_F(MappedCountersTest, AReplacedFileIsNoLongerTheMappedOne) {
  const auto counters = Open();
  FileStat stat;
  ASSERT_EQ(FileSystem::Real().Stat(path_.c_str(), true, &stat), 0);
  EXPECT_TRUE((*counters)->IsMappingOf(stat));
  std::ofstream(path_ + ".new") << "x";
  std::filesystem::rename(path_ + ".new", path_);
  ASSERT_EQ(FileSystem::Real().Stat(path_.c_str(), true, &stat), 0);
  EXPECT_FALSE((*counters)->IsMappingOf(stat));
}

TEST_F(MappedCountersTest, NoCountIsLostWhenManyProcessesMakeTheFileAtOnce) {
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove_all(directory_ + "/deep");
    // Every other time a wrong file is there to be replaced first.
    if (round % 2 == 1) {
      std::filesystem::create_directory(directory_ + "/deep");
      std::ofstream(path_) << "wrong";
    }
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(fork());
      if (children.back() == 0) {
        const auto counters = Open();
        if (!counters.ok()) {
          std::cerr << counters.status() << std::endl;
          _exit(1);
        }
        for (int k = 0; k < 1000; ++k) (*counters)->Add(0, 1);
        _exit(0);
      }
    }
    for (const pid_t child : children) {
      int status = -1;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0);
    }
    EXPECT_EQ((*Open(Access::kReadOnly))->Load(0), 8000u) << round;
    EXPECT_EQ(FilesBeside(), 1u);
  }
}

// As one does whom the machine has no processor for while it replaces a wrong file.
TEST_F(MappedCountersTest, WhoeverIsSlowToReplaceAWrongFileIsWaitedFor) {
  std::filesystem::create_directories(directory_ + "/deep");
  std::ofstream(path_) << "wrong";
  auto file = FileSystem::Real().OpenForReading(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->TryLock().ok());
  std::thread slow([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    file->reset();
  });
  EXPECT_TRUE(Open().ok());
  slow.join();
}

TEST_F(MappedCountersTest, ThreadsCountTogether) {
  const auto counters = Open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10000; ++k) {
        (*counters)->Add(0, 3);
        (*counters)->Subtract(0, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ((*counters)->Load(0), 80000u);
}

TEST_F(MappedCountersTest, WhatCannotBeAFileIsAnError) {
  std::filesystem::create_directories(path_);
  EXPECT_FALSE(Open().ok());
  EXPECT_TRUE(std::filesystem::is_directory(path_));
}

}  // namespace
}  // namespace hpcc
