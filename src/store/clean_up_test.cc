#include "store/clean_up.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/faulty_file_system.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

class CleanTest : public testing::Test {
 protected:
  void Fill(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(store_.Put(ResultKey(i), ValueFor(i, 0, kBlockBytes)).ok());
    }
  }
  bool Holds(uint64_t number) { return std::filesystem::exists(store_.PathOf(ResultKey(number))); }

  ScratchDirectory scratch_;
  SteppingClock clock_;
  DiskStore store_{{scratch_.path() + "/cache", 0}, FileSystem::Real(), clock_};
};

TEST_F(CleanTest, WithoutWishesNothingIsEvicted) {
  Fill(20);
  const absl::StatusOr<CleanReport> report = store_.Clean({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->removed, DiskUsage{});
  EXPECT_EQ(report->kept, (DiskUsage{20 * kBlockBytes, 20}));
  EXPECT_EQ(report->temporary_files, 0u);
}

TEST_F(CleanTest, MaxSizeLeavesTheMostRecentlyUsed) {
  Fill(20);
  ASSERT_TRUE(store_.Get(ResultKey(0)).ok());
  const absl::StatusOr<CleanReport> report = store_.Clean({.max_size = 5 * kBlockBytes + 1});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->removed, (DiskUsage{15 * kBlockBytes, 15}));
  EXPECT_EQ(report->kept, (DiskUsage{5 * kBlockBytes, 5}));
  EXPECT_TRUE(Holds(0));
  for (uint64_t i = 1; i < 16; ++i) EXPECT_FALSE(Holds(i)) << i;
  for (uint64_t i = 16; i < 20; ++i) EXPECT_TRUE(Holds(i)) << i;
  EXPECT_EQ(*store_.Usage(), report->kept);
}

TEST_F(CleanTest, MaxAgeRemovesWhatWasUnusedForLonger) {
  Fill(10);
  clock_.Advance(std::chrono::hours(48));
  ASSERT_TRUE(store_.Get(ResultKey(3)).ok());
  const absl::StatusOr<CleanReport> report = store_.Clean({.max_age = std::chrono::hours(24)});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->removed.files, 9u);
  EXPECT_TRUE(Holds(3));
  EXPECT_EQ(*store_.Usage(), (DiskUsage{kBlockBytes, 1}));
}

TEST_F(CleanTest, AllRemovesEveryValueAndNothingElse) {
  Fill(10);
  std::ofstream(store_.root() + "/statistics") << "of somebody else";
  std::ofstream(store_.root() + "/tmp/notes") << "of somebody else";
  std::ofstream(store_.root() + "/result/notes") << "of somebody else";
  const absl::StatusOr<CleanReport> report = store_.Clean({.all = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->removed.files, 10u);
  EXPECT_EQ(CountFiles(store_.root()).files, 1u) << "the notes";
  EXPECT_EQ(*store_.Usage(), DiskUsage{});
  for (const char* name : {"/statistics", "/tmp/notes", "/usage"}) {
    EXPECT_TRUE(std::filesystem::exists(store_.root() + name)) << name;
  }
}

TEST_F(CleanTest, ProgressReachesTheEnd) {
  Fill(1);
  std::vector<int> done;
  ASSERT_TRUE(store_.Clean({.progress = [&](int shards) { done.push_back(shards); }}).ok());
  ASSERT_FALSE(done.empty());
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), 256);
}

TEST_F(CleanTest, WhatDeadWritersLeftGoesAndWhatLivingOnesWriteStays) {
  Fill(1);
  const DiskLayout layout{store_.root()};
  const std::string dead = layout.TemporaryPath();
  const std::string dead_counters = TemporaryNameBeside(layout.UsagePath());
  const std::string alive = layout.TemporaryPath();
  std::ofstream(dead) << "part of a value";
  std::ofstream(dead_counters) << "part";
  const absl::StatusOr<std::unique_ptr<File>> file = FileSystem::Real().Create(alive, 0666);
  ASSERT_TRUE(file.ok() && (*file)->TryLock().ok());

  const absl::StatusOr<CleanReport> report = store_.Clean({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->temporary_files, 2u);
  EXPECT_EQ(UnfinishedFiles(store_.root()), std::vector<std::string>{alive});
}

TEST_F(CleanTest, AtAnyMomentOfStoringItNeitherFailsTheStoreNorMakesItWriteTwice) {
  FaultyFileSystem watched(FileSystem::Real());
  DiskStore writer({store_.root(), 0}, watched, clock_);
  ASSERT_TRUE(writer.Put(ResultKey(0), "old").ok());
  int written_twice = 0;
  for (int n = 1;; ++n) {
    watched.ActBefore(n, [&] { EXPECT_TRUE(store_.Clean({}).ok()); });
    const std::string value = StrCat("new ", n);
    const absl::Status put = writer.Put(ResultKey(0), value);
    EXPECT_TRUE(put.ok()) << n << ": " << put;
    EXPECT_EQ(*store_.Get(ResultKey(0)), value) << n;
    written_twice += watched.calls("Create") - 1;
    if (!watched.fault_happened()) break;
    ASSERT_LT(n, 100);
  }
  // Only between the making of the file and its locking can't it be told from an abandoned one.
  EXPECT_LE(written_twice, 1);
  EXPECT_EQ(UnfinishedFiles(store_.root()), std::vector<std::string>());
}

TEST_F(CleanTest, CountersAreSetToWhatIsThere) {
  Fill(30);
  for (uint64_t i = 0; i < 10; ++i) std::filesystem::remove(store_.PathOf(ResultKey(i)));
  std::ofstream(store_.PathOf(ResultKey(11)), std::ios::app) << "longer";
  ASSERT_NE(*store_.Usage(), CountFiles(store_.root()));
  const absl::StatusOr<CleanReport> report = store_.Clean({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->kept, CountFiles(store_.root()));
  EXPECT_EQ(*store_.Usage(), CountFiles(store_.root()));
}

}  // namespace
}  // namespace hpcc
