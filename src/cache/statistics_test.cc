#include "cache/statistics.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace hpcc {
namespace {

class StatisticsTest : public testing::Test {
 protected:
  StatisticsTest() {
    std::string pattern = testing::TempDir() + "/hpcc-statistics-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    root_ = directory_ + "/cache";
  }
  ~StatisticsTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Statistics> MustOpen() {
    auto statistics = Statistics::Open(FileSystem::Real(), root_);
    EXPECT_TRUE(statistics.ok()) << statistics.status();
    return *std::move(statistics);
  }
  std::string FileBytes() {
    const auto bytes = ReadFile(FileSystem::Real(), StatisticsFile(root_), 1 << 20);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or("");
  }
  void WriteFileBytes(const std::string& bytes) {
    std::filesystem::create_directories(root_);
    std::ofstream(StatisticsFile(root_), std::ios::binary) << bytes;
  }

  std::string directory_;
  std::string root_;
};

// The bytes of the format, written out by hand.
std::string GoldenFile() {
  std::string golden(2048, '\0');
  const auto put = [&golden](size_t offset, std::string_view bytes) {
    golden.replace(offset, bytes.size(), bytes);
  };
  put(0, "HPCCSTAT");
  put(8, std::string_view("\x01\0\0\0\0\0\0\0", 8));
  put(16 + 8 * 0, std::string_view("\x03\0\0\0\0\0\0\0", 8));          // direct hits: 3
  put(16 + 8 * 2, std::string_view("\x01\x02\0\0\0\0\0\0", 8));        // misses: 513
  put(16 + 8 * 6, std::string_view("\0\xf2\x05\x2a\x01\0\0\0", 8));    // saved: 5 s in ns
  put(16 + 8 * 9, std::string_view("\x80\x43\x6d\x38\0\0\0\0", 8));    // zeroed: 946684800
  put(16 + 8 * (64 + 1), std::string_view("\x02\0\0\0\0\0\0\0", 8));   // links: 2
  put(16 + 8 * (64 + 26), std::string_view("\x01\0\0\0\0\0\0\0", 8));  // bad configuration: 1
  return golden;
}

TEST_F(StatisticsTest, TheFileHasTheDocumentedBytes) {
  auto statistics = MustOpen();
  statistics->Zero(946684800);
  statistics->Add(Counter::kDirectHit, 3);
  statistics->Add(Counter::kMiss, 513);
  statistics->Add(Counter::kTimeSavedNanoseconds, 5'000'000'000);
  statistics->Add(NotCacheableReason::kLinks);
  statistics->Add(NotCacheableReason::kLinks);
  statistics->Add(NotCacheableReason::kBadConfiguration);
  EXPECT_EQ(FileBytes(), GoldenFile());
}

TEST_F(StatisticsTest, TheDocumentedBytesAreRead) {
  WriteFileBytes(GoldenFile());
  const auto snapshot = ReadStatistics(FileSystem::Real(), root_);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->hits(), 3u);
  EXPECT_EQ(snapshot->of(Counter::kMiss), 513u);
  EXPECT_EQ(snapshot->of(Counter::kZeroedAtSeconds), 946684800u);
  EXPECT_EQ(snapshot->of(NotCacheableReason::kLinks), 2u);
  EXPECT_EQ(snapshot->not_cacheable(), 3u);
}

TEST_F(StatisticsTest, HitsOfBothKindsAreAdded) {
  auto statistics = MustOpen();
  statistics->Add(Counter::kDirectHit, 2);
  statistics->Add(Counter::kPreprocessedHit, 5);
  EXPECT_EQ(statistics->Read().hits(), 7u);
}

TEST_F(StatisticsTest, ReasonsOfANewerVersionAreCountedToo) {
  std::string bytes = GoldenFile();
  bytes[16 + 8 * 253] = 9;
  WriteFileBytes(bytes);
  EXPECT_EQ(ReadStatistics(FileSystem::Real(), root_)->not_cacheable(), 12u);
}

TEST_F(StatisticsTest, CountersOutliveTheirProcess) {
  MustOpen()->Add(Counter::kMiss);
  MustOpen()->Add(Counter::kMiss);
  EXPECT_EQ(MustOpen()->Read().of(Counter::kMiss), 2u);
}

TEST_F(StatisticsTest, ReadingMakesNothing) {
  const auto snapshot = ReadStatistics(FileSystem::Real(), root_);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->hits(), 0u);
  EXPECT_FALSE(std::filesystem::exists(root_));
}

TEST_F(StatisticsTest, ZeroClearsEverythingButItsTime) {
  auto statistics = MustOpen();
  for (int i = 0; i < kNotCacheableReasonCount; ++i) {
    statistics->Add(static_cast<NotCacheableReason>(i));
  }
  for (int i = 0; i <= static_cast<int>(Counter::kBytesWritten); ++i) {
    statistics->Add(static_cast<Counter>(i), 1);
  }
  statistics->Zero(1234);
  const StatisticsSnapshot snapshot = statistics->Read();
  for (int i = 0; i < kCounterCount; ++i) {
    const bool is_time = i == static_cast<int>(Counter::kZeroedAtSeconds);
    EXPECT_EQ(snapshot.counters[i], is_time ? 1234u : 0u) << i;
  }
}

TEST_F(StatisticsTest, AFileOfAnotherFormatIsReportedAndThenReplaced) {
  for (const std::string& wrong : {std::string(), std::string("HPCCSTAT"), std::string(2048, 'x'),
                                   GoldenFile() + "x", GoldenFile().substr(0, 2047)}) {
    WriteFileBytes(wrong);
    EXPECT_EQ(ReadStatistics(FileSystem::Real(), root_).status().code(),
              absl::StatusCode::kDataLoss);
    MustOpen()->Add(Counter::kMiss);
    EXPECT_EQ(ReadStatistics(FileSystem::Real(), root_)->of(Counter::kMiss), 1u);
  }
}

TEST_F(StatisticsTest, NoAdditionOfForkedProcessesIsLost) {
  constexpr int kProcesses = 8;
  constexpr int kAdditions = 5000;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      // Each opens for itself, so they also race to make the file.
      auto statistics = Statistics::Open(FileSystem::Real(), root_);
      if (!statistics.ok()) _exit(1);
      for (int i = 0; i < kAdditions; ++i) {
        (*statistics)->Add(Counter::kDirectHit);
        (*statistics)->Add(NotCacheableReason::kLinks);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto snapshot = ReadStatistics(FileSystem::Real(), root_);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->hits(), uint64_t{kProcesses} * kAdditions);
  EXPECT_EQ(snapshot->not_cacheable(), uint64_t{kProcesses} * kAdditions);
}

TEST_F(StatisticsTest, AKilledProcessLosesAtMostItsLastAddition) {
  auto statistics = MustOpen();
  const pid_t child = fork();
  if (child == 0) {
    while (true) {
      statistics->Add(Counter::kBytesRead);
      statistics->Add(Counter::kBytesWritten);
    }
  }
  while (statistics->Read().of(Counter::kBytesRead) < 1000) usleep(100);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const StatisticsSnapshot snapshot = statistics->Read();
  const uint64_t read = snapshot.of(Counter::kBytesRead);
  const uint64_t written = snapshot.of(Counter::kBytesWritten);
  EXPECT_GE(written, 999u);
  EXPECT_TRUE(read == written || read == written + 1) << read << " " << written;
}

TEST_F(StatisticsTest, ThreadsAddToOneObject) {
  auto statistics = MustOpen();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&statistics] {
      for (int j = 0; j < 10'000; ++j) statistics->Add(Counter::kMiss);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(statistics->Read().of(Counter::kMiss), 40'000u);
}

}  // namespace
}  // namespace hpcc
