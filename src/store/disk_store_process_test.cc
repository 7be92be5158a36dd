// The disk store with many processes at once, with processes killed at any moment, and with users
// and disks that won't let it write.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <thread>

#include "store/disk_store.h"
#include "store/store_test_util.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kSkipped = 77;

// The version in a value made by ValueFor(); its other bytes follow from it.
std::optional<uint64_t> VersionIn(uint64_t number, const std::string& value) {
  const std::vector<std::string_view> fields = StrSplit(value, ':');
  if (fields.size() < 3) return std::nullopt;
  const uint64_t version = std::strtoull(std::string(fields[1]).c_str(), nullptr, 10);
  if (value != ValueFor(number, version, value.size())) return std::nullopt;
  return version;
}

size_t SizeOf(uint64_t number) {
  return 100 + number * 7919 % 60000;
}

// What went wrong in a child, as its exit status.
enum Trouble { kNone = 0, kPutFailed, kGetFailed, kWrongValue, kNeverHit, kCleanFailed };

// Stores and reads the same few keys as everybody else.
int StoreAndRead(const std::string& root, uint64_t seed, steady_clock::time_point end) {
  DiskStore disk({root, 0}, FileSystem::Real(), Clock::Real());
  VerifiedStore store(disk);
  std::mt19937_64 random(seed);
  uint64_t hits = 0;
  for (uint64_t round = 0; steady_clock::now() < end; ++round) {
    const uint64_t number = random() % 40;
    const StoreKey key = ResultKey(number);
    const uint64_t version = seed * 1'000'000 + round;
    if (random() % 3 == 0) {
      const absl::Status put = store.Put(key, ValueFor(number, version, SizeOf(number)));
      if (!put.ok()) std::fprintf(stderr, "%s\n", put.ToString().c_str());
      if (!put.ok()) return kPutFailed;
    }
    const absl::StatusOr<std::string> value = store.Get(key);
    if (absl::IsNotFound(value.status())) continue;
    if (!value.ok()) return kGetFailed;
    if (value->size() != SizeOf(number) || !VersionIn(number, *value)) return kWrongValue;
    ++hits;
  }
  return hits == 0 ? kNeverHit : kNone;
}

int CleanAgainAndAgain(const std::string& root, steady_clock::time_point end) {
  while (steady_clock::now() < end) {
    DiskStore disk({root, 0}, FileSystem::Real(), Clock::Real());
    if (!disk.Clean({}).ok()) return kCleanFailed;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return kNone;
}

TEST(DiskStoreProcessTest, SixteenProcessesStoreAndReadTheSameKeysWhileAnotherCleansUp) {
  const ScratchDirectory scratch;
  const std::string root = scratch.path() + "/cache";
  const auto end = steady_clock::now() + (LongTests() ? seconds(60) : seconds(3));
  std::vector<pid_t> children;
  for (uint64_t i = 0; i < 16; ++i) {
    children.push_back(Fork([&] { return StoreAndRead(root, i + 1, end); }));
  }
  children.push_back(Fork([&] { return CleanAgainAndAgain(root, end); }));
  for (const pid_t child : children) EXPECT_EQ(WaitFor(child), kNone);

  DiskStore disk({root, 0}, FileSystem::Real(), Clock::Real());
  ASSERT_TRUE(disk.Clean({}).ok());
  EXPECT_EQ(UnfinishedFiles(root), std::vector<std::string>());
  EXPECT_EQ(*disk.Usage(), CountFiles(root));
  EXPECT_EQ(disk.Usage()->files, 40u);
}

// How often each key is stored at least, for kills between to prove something.
constexpr uint64_t kEnough = 10;
constexpr uint64_t kMaxLifeUs = 500'000;

// What a child that is going to be killed has been told is stored, in memory shared with it.
struct Acknowledged {
  static constexpr uint64_t kKeys = 16;
  std::atomic<uint64_t> version[kKeys];
};

[[noreturn]] void StoreUntilKilled(const std::string& root, uint64_t first, Acknowledged* acked) {
  DiskStore disk({root, 0}, FileSystem::Real(), Clock::Real());
  VerifiedStore store(disk);
  for (uint64_t i = first;; ++i) {
    const uint64_t number = i % Acknowledged::kKeys;
    const uint64_t version = acked->version[number] + 1;
    const std::string value = ValueFor(number, version, SizeOf(number));
    if (!store.Put(ResultKey(number), value).ok()) _exit(kPutFailed);
    acked->version[number] = version;
  }
}

TEST(DiskStoreProcessTest, KilledAtAnyMomentOfStoringNothingAcknowledgedIsLostNorHalfWrittenSeen) {
  const ScratchDirectory scratch;
  const std::string root = scratch.path() + "/cache";
  void* shared = mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto* acked = new (shared) Acknowledged();
  DiskStore disk({root, 0}, FileSystem::Real(), Clock::Real());
  VerifiedStore store(disk);
  std::mt19937_64 random(20261122);
  uint64_t left_behind = 0;
  const int kills = 500;
  const int most_kills = 5000;
  // A child's longest life; longer where a slow machine stores nothing in that.
  uint64_t longest_life_us = 5000;
  uint64_t stored_before = 0;
  const auto stored = [acked] {
    return std::accumulate(std::begin(acked->version), std::end(acked->version), uint64_t{0});
  };
  const auto stored_enough = [acked] {
    return std::all_of(std::begin(acked->version), std::end(acked->version),
                       [](const auto& version) { return version > kEnough; });
  };
  for (int kill_number = 0; kill_number < kills || (!stored_enough() && kill_number < most_kills);
       ++kill_number) {
    const uint64_t first = random();
    const pid_t child = Fork([&]() -> int { StoreUntilKilled(root, first, acked); });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_life_us));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(WaitFor(child), 256 + SIGKILL);

    for (uint64_t number = 0; number < Acknowledged::kKeys; ++number) {
      const uint64_t promised = acked->version[number];
      const absl::StatusOr<std::string> value = store.Get(ResultKey(number));
      if (promised == 0 && absl::IsNotFound(value.status())) continue;
      ASSERT_TRUE(value.ok()) << value.status() << " after kill " << kill_number;
      const std::optional<uint64_t> version = VersionIn(number, *value);
      ASSERT_TRUE(version.has_value()) << "after kill " << kill_number;
      ASSERT_GE(*version, promised) << "after kill " << kill_number;
    }
    if (kill_number % 25 != 24) continue;
    if (stored() - stored_before < 25) longest_life_us = std::min(2 * longest_life_us, kMaxLifeUs);
    stored_before = stored();
    const absl::StatusOr<CleanReport> report = disk.Clean({});
    ASSERT_TRUE(report.ok()) << report.status();
    left_behind += report->temporary_files;
    ASSERT_EQ(UnfinishedFiles(root), std::vector<std::string>());
    ASSERT_EQ(*disk.Usage(), CountFiles(root));
  }
  // Otherwise the kills came too late or too early to prove anything.
  EXPECT_GT(left_behind, 0u);
  for (const std::atomic<uint64_t>& version : acked->version) EXPECT_GT(version, kEnough);
  munmap(shared, sizeof(Acknowledged));
}

// Load on a store of limited size, measured in work and not in time: it is the same on a busy
// machine.
struct Load {
  uint64_t limit;
  uint64_t largest_value;
  int turnovers;  // how many times the limit is stored, all processes together
};
constexpr int kLoadProcesses = 8;

int StoreFreshKeys(const std::string& root, const Load& load, uint64_t seed) {
  DiskStore disk({root, load.limit}, FileSystem::Real(), Clock::Real());
  std::mt19937_64 random(seed);
  const uint64_t share = load.limit * load.turnovers / kLoadProcesses;
  for (uint64_t stored = 0; stored < share;) {
    const uint64_t number = random();
    const size_t size = 1 + number % load.largest_value;
    if (!disk.Put(ResultKey(number), ValueFor(number, 0, size)).ok()) return kPutFailed;
    stored += size;
  }
  return kNone;
}

// Stops all children that still run, measures, and lets them go on. False when all have ended.
bool MeasureStopped(const std::vector<pid_t>& children, const std::string& root, uint64_t* bytes) {
  bool any = false;
  for (const pid_t child : children) kill(child, SIGSTOP);
  for (const pid_t child : children) {
    siginfo_t info{};
    waitid(P_PID, child, &info, WEXITED | WSTOPPED | WNOWAIT);
    any = any || info.si_code == CLD_STOPPED;
  }
  *bytes = CountFiles(root).bytes;
  for (const pid_t child : children) kill(child, SIGCONT);
  return any;
}

// Eight processes store for a while; again and again all are stopped and everything is counted.
void ExpectLimitHolds(const Load& load) {
  const ScratchDirectory scratch;
  const std::string root = scratch.path() + "/cache";
  std::vector<pid_t> children;
  for (int i = 0; i < kLoadProcesses; ++i) {
    children.push_back(Fork([&] { return StoreFreshKeys(root, load, i + 1); }));
  }
  uint64_t bytes = 0;
  uint64_t most = 0;
  bool running = true;
  while (running) {
    std::this_thread::sleep_for(milliseconds(60));
    running = MeasureStopped(children, root, &bytes);
    most = std::max(most, bytes);
  }
  for (const pid_t child : children) EXPECT_EQ(WaitFor(child), kNone);
  EXPECT_LE(most, load.limit + load.limit / 20);
  EXPECT_GE(most, load.limit / 10 * 9) << "the limit was never reached";
  EXPECT_LE(bytes, load.limit + load.limit / 20);
  EXPECT_GE(bytes, load.limit / 10 * 9);
}

TEST(DiskStoreProcessTest, EvictionInOrderHoldsTheLimitWithinFivePercentUnderLoad) {
  ExpectLimitHolds({uint64_t{16} << 20, 64 << 10, LongTests() ? 100 : 5});
}

TEST(DiskStoreProcessTest, SampledEvictionHoldsTheLimitWithinFivePercentUnderLoad) {
  // Three blocks on average: about twice as many files as are still evicted in order.
  ExpectLimitHolds({uint64_t{24} << 20, 20 << 10, LongTests() ? 100 : 4});
}

// Runs `body` in a child in which `directory` is a small disk of its own. The child's failures are
// printed by it and fail the test; where nothing may be mounted the test is skipped.
class SmallDiskTest : public testing::Test {
 protected:
  void RunOnSmallDisk(const std::function<void()>& body) {
    const pid_t child = Fork([&] {
      if (unshare(CLONE_NEWNS) != 0 ||
          mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount("none", disk_path().c_str(), "tmpfs", 0, "size=2m") != 0) {
        return kSkipped;
      }
      body();
      return HasFailure() ? 1 : 0;
    });
    const int result = WaitFor(child);
    if (result == kSkipped) GTEST_SKIP() << "mounting needs root";
    EXPECT_EQ(result, 0);
  }
  const std::string& disk_path() const { return scratch_.path(); }
  std::string root() const { return scratch_.path() + "/cache"; }

  ScratchDirectory scratch_;
};

TEST_F(SmallDiskTest, ADiskThatFillsUpRefusesAndKeepsWhatItAcknowledged) {
  RunOnSmallDisk([&] {
    DiskStore disk({root(), 0}, FileSystem::Real(), Clock::Real());
    VerifiedStore store(disk);
    uint64_t stored = 0;
    absl::Status status;
    for (; stored < 1000; ++stored) {
      status = store.Put(ResultKey(stored), ValueFor(stored, 1, 50000));
      if (!status.ok()) break;
    }
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_GT(stored, 20u);
    EXPECT_LT(stored, 45u);
    for (uint64_t i = 0; i < stored; ++i) {
      const absl::StatusOr<std::string> value = store.Get(ResultKey(i));
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_EQ(*value, ValueFor(i, 1, 50000));
    }
    EXPECT_TRUE(absl::IsNotFound(store.Get(ResultKey(stored)).status()));
    EXPECT_EQ(UnfinishedFiles(root()), std::vector<std::string>());
    EXPECT_EQ(*disk.Usage(), CountFiles(root()));
    // Replacing needs room for both, and keeps the old value where there is none.
    EXPECT_TRUE(absl::IsResourceExhausted(store.Put(ResultKey(0), ValueFor(0, 2, 50000))));
    EXPECT_EQ(*store.Get(ResultKey(0)), ValueFor(0, 1, 50000));
    ASSERT_TRUE(store.Remove(ResultKey(1)).ok());
    EXPECT_TRUE(store.Put(ResultKey(0), ValueFor(0, 2, 50000)).ok());
  });
}

TEST_F(SmallDiskTest, OnADiskFullOfOtherThingsStoringFailsCleanly) {
  RunOnSmallDisk([&] {
    {
      std::ofstream other(disk_path() + "/other");
      const std::string block(4096, 'x');
      while (other << block << std::flush) {
      }
    }
    DiskStore disk({root(), 0}, FileSystem::Real(), Clock::Real());
    EXPECT_TRUE(absl::IsResourceExhausted(disk.Put(ResultKey(1), "value")));
    EXPECT_TRUE(absl::IsNotFound(disk.Get(ResultKey(1)).status()));
    if (std::filesystem::exists(root())) {
      EXPECT_EQ(UnfinishedFiles(root()), std::vector<std::string>());
    }
    std::filesystem::remove(disk_path() + "/other");
    EXPECT_TRUE(disk.Put(ResultKey(1), "value").ok());
    EXPECT_EQ(*disk.Get(ResultKey(1)), "value");
  });
}

TEST_F(SmallDiskTest, AReadOnlyDiskIsReadAndNothingElse) {
  RunOnSmallDisk([&] {
    {
      // Gone before the disk turns read-only: a writable mapping of the counters would forbid that.
      DiskStore disk({root(), 0}, FileSystem::Real(), Clock::Real());
      VerifiedStore store(disk);
      ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
      ASSERT_TRUE(store.Put(ResultKey(2), "value").ok());
      std::ofstream(disk.PathOf(ResultKey(2))) << "damaged";
    }
    DiskStore fresh_disk({root(), 0}, FileSystem::Real(), Clock::Real());
    VerifiedStore fresh(fresh_disk);
    const DiskUsage usage = CountFiles(root());
    ASSERT_EQ(mount(nullptr, disk_path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    EXPECT_EQ(*fresh.Get(ResultKey(1)), "value");
    EXPECT_TRUE(absl::IsNotFound(fresh.Get(ResultKey(3)).status()));
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(absl::IsDataLoss(fresh.Get(ResultKey(2)).status()));
    }
    EXPECT_TRUE(absl::IsPermissionDenied(fresh.Put(ResultKey(3), "value")));
    EXPECT_TRUE(absl::IsPermissionDenied(fresh.Remove(ResultKey(1))));
    EXPECT_TRUE(absl::IsPermissionDenied(fresh_disk.Clean({}).status()));
    EXPECT_EQ(*fresh_disk.Usage(), usage);
    EXPECT_EQ(*fresh.Get(ResultKey(1)), "value");
  });
}

// Runs `body` as nobody; skipped where we can't become that.
class OtherUserTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
    ASSERT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
  }
  void RunAsNobody(const std::function<void()>& body) {
    const pid_t child = Fork([&] {
      if (setgid(65534) != 0 || setuid(65534) != 0) return kSkipped;
      umask(0);
      body();
      return HasFailure() ? 1 : 0;
    });
    EXPECT_EQ(WaitFor(child), 0);
  }
  void StoreAsRoot(mode_t mask) {
    const mode_t old = umask(mask);
    const absl::Status put = store_.Put(ResultKey(1), "value");
    umask(old);
    ASSERT_TRUE(put.ok()) << put;
  }

  ScratchDirectory scratch_;
  DiskStore store_{{scratch_.path() + "/cache", 0}, FileSystem::Real(), Clock::Real()};
};

TEST_F(OtherUserTest, ACacheThatMayOnlyBeReadIsRead) {
  StoreAsRoot(0022);
  RunAsNobody([&] {
    DiskStore store({store_.root(), 0}, FileSystem::Real(), Clock::Real());
    EXPECT_EQ(*store.Get(ResultKey(1)), "value");
    EXPECT_TRUE(absl::IsPermissionDenied(store.Put(ResultKey(2), "value")));
    EXPECT_TRUE(absl::IsPermissionDenied(store.Remove(ResultKey(1))));
    EXPECT_EQ(store.Usage()->files, 1u);
  });
  EXPECT_EQ(*store_.Get(ResultKey(1)), "value");
}

TEST_F(OtherUserTest, ASharedCacheIsUsedByBoth) {
  StoreAsRoot(0000);
  RunAsNobody([&] {
    DiskStore store({store_.root(), 0}, FileSystem::Real(), Clock::Real());
    EXPECT_EQ(*store.Get(ResultKey(1)), "value");
    EXPECT_TRUE(store.Put(ResultKey(2), "theirs").ok());
    EXPECT_TRUE(store.Put(ResultKey(1), "replaced").ok());
  });
  EXPECT_EQ(*store_.Get(ResultKey(1)), "replaced");
  EXPECT_EQ(*store_.Get(ResultKey(2)), "theirs");
  EXPECT_EQ(*store_.Usage(), CountFiles(store_.root()));
}

TEST_F(OtherUserTest, AnothersReadCountsAsUse) {
  StoreAsRoot(0000);
  const std::filesystem::path file = store_.PathOf(ResultKey(1));
  const auto long_ago = std::filesystem::last_write_time(file) - std::chrono::hours(24);
  std::filesystem::last_write_time(file, long_ago);
  RunAsNobody([&] {
    DiskStore store({store_.root(), 0}, FileSystem::Real(), Clock::Real());
    EXPECT_TRUE(store.Get(ResultKey(1)).ok());
  });
  EXPECT_GT(std::filesystem::last_write_time(file), long_ago + std::chrono::hours(23));
}

}  // namespace
}  // namespace hpcc
