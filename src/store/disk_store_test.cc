#include "store/disk_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/faulty_file_system.h"
#include "store/eviction.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

constexpr uint64_t kNoLimit = 0;

class DiskStoreTest : public testing::Test {
 protected:
  DiskStore Open(uint64_t max_size) {
    return DiskStore({scratch_.path() + "/cache", max_size}, fs_, clock_);
  }
  // A value that takes `blocks` whole blocks.
  static std::string Blocks(uint64_t number, uint64_t blocks) {
    return ValueFor(number, 0, blocks * kBlockBytes);
  }
  static std::set<uint64_t> Held(DiskStore& store, uint64_t count) {
    std::set<uint64_t> held;
    for (uint64_t i = 0; i < count; ++i) {
      if (std::filesystem::exists(store.PathOf(ResultKey(i)))) held.insert(i);
    }
    return held;
  }

  ScratchDirectory scratch_;
  FaultyFileSystem fs_{FileSystem::Real()};
  SteppingClock clock_;
};

TEST_F(DiskStoreTest, NothingIsTouchedBeforeTheFirstPut) {
  DiskStore store = Open(kNoLimit);
  EXPECT_TRUE(absl::IsNotFound(store.Get(ResultKey(1)).status()));
  EXPECT_TRUE(store.Remove(ResultKey(1)).ok());
  EXPECT_EQ(*store.Usage(), DiskUsage{});
  EXPECT_TRUE(store.Clean({}).ok());
  EXPECT_FALSE(std::filesystem::exists(store.root()));
}

TEST_F(DiskStoreTest, GivesBackWhatWasStoredInEveryNamespace) {
  DiskStore store = Open(kNoLimit);
  for (int i = 0; i < kStoreNamespaceCount; ++i) {
    const StoreKey key{static_cast<StoreNamespace>(i), ResultKey(1).digest};
    ASSERT_TRUE(store.Put(key, StrCat("value in ", i)).ok());
  }
  for (int i = 0; i < kStoreNamespaceCount; ++i) {
    const StoreKey key{static_cast<StoreNamespace>(i), ResultKey(1).digest};
    EXPECT_EQ(*store.Get(key), StrCat("value in ", i));
  }
  EXPECT_EQ(store.Usage()->files, static_cast<uint64_t>(kStoreNamespaceCount));
}

TEST_F(DiskStoreTest, ValuesLieWhereTheDesignSays) {
  DiskStore store = Open(kNoLimit);
  const StoreKey key{StoreNamespace::kDirect, Digest::Of("abc")};
  ASSERT_TRUE(store.Put(key, "value").ok());
  const std::string hex = key.digest.ToHex();
  EXPECT_EQ(store.PathOf(key), store.root() + "/direct/" + hex.substr(0, 2) + "/" + hex);
  EXPECT_TRUE(std::filesystem::is_regular_file(store.PathOf(key)));
}

TEST_F(DiskStoreTest, PutReplaces) {
  DiskStore store = Open(kNoLimit);
  ASSERT_TRUE(store.Put(ResultKey(1), Blocks(1, 3)).ok());
  ASSERT_TRUE(store.Put(ResultKey(1), "short").ok());
  EXPECT_EQ(*store.Get(ResultKey(1)), "short");
  EXPECT_EQ(*store.Usage(), (DiskUsage{kBlockBytes, 1}));
}

TEST_F(DiskStoreTest, UsageCountsWholeBlocks) {
  DiskStore store = Open(kNoLimit);
  ASSERT_TRUE(store.Put(ResultKey(1), "").ok());
  ASSERT_TRUE(store.Put(ResultKey(2), "x").ok());
  ASSERT_TRUE(store.Put(ResultKey(3), Blocks(3, 1)).ok());
  ASSERT_TRUE(store.Put(ResultKey(4), Blocks(4, 1) + "x").ok());
  EXPECT_EQ(*store.Usage(), (DiskUsage{(0 + 1 + 1 + 2) * kBlockBytes, 4}));
  ASSERT_TRUE(store.Remove(ResultKey(4)).ok());
  EXPECT_EQ(*store.Usage(), (DiskUsage{2 * kBlockBytes, 3}));
}

TEST_F(DiskStoreTest, AFreshStoreObjectSeesWhatAnotherStored) {
  ASSERT_TRUE(Open(kNoLimit).Put(ResultKey(1), "value").ok());
  DiskStore store = Open(kNoLimit);
  EXPECT_EQ(*store.Get(ResultKey(1)), "value");
  EXPECT_EQ(store.Usage()->files, 1u);
}

TEST_F(DiskStoreTest, TheRootMayBeASymlink) {
  std::filesystem::create_directory(scratch_.path() + "/elsewhere");
  std::filesystem::create_symlink("elsewhere", scratch_.path() + "/cache");
  DiskStore store = Open(kNoLimit);
  ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
  EXPECT_EQ(*store.Get(ResultKey(1)), "value");
  EXPECT_TRUE(std::filesystem::exists(scratch_.path() + "/elsewhere/result"));
}

TEST_F(DiskStoreTest, WorksOnAnotherFileSystem) {
  const ScratchDirectory other(std::filesystem::temp_directory_path());
  struct stat here {};
  struct stat there {};
  ASSERT_EQ(stat(scratch_.path().c_str(), &here), 0);
  ASSERT_EQ(stat(other.path().c_str(), &there), 0);
  if (here.st_dev == there.st_dev) GTEST_SKIP() << "there is one file system only";
  std::filesystem::create_symlink(other.path(), scratch_.path() + "/cache");
  DiskStore store = Open(kNoLimit);
  ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
  EXPECT_EQ(*store.Get(ResultKey(1)), "value");
  EXPECT_EQ(*store.Usage(), CountFiles(other.path()));
}

TEST_F(DiskStoreTest, ModesFollowTheUmask) {
  const mode_t old = umask(0002);
  DiskStore store = Open(kNoLimit);
  const absl::Status put = store.Put(ResultKey(1), "value");
  umask(old);
  ASSERT_TRUE(put.ok());
  const auto mode = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  const std::filesystem::path file = store.PathOf(ResultKey(1));
  EXPECT_EQ(mode(file), 0664u);
  EXPECT_EQ(mode(file.parent_path()), 0775u);
  EXPECT_EQ(mode(store.root()), 0775u);
  EXPECT_EQ(mode(store.root() + "/usage"), 0664u);
}

TEST_F(DiskStoreTest, ADirectoryInAValuesPlaceIsAnErrorAndNothingIsLeftBehind) {
  DiskStore store = Open(kNoLimit);
  std::filesystem::create_directories(store.PathOf(ResultKey(1)));
  const absl::Status get = store.Get(ResultKey(1)).status();
  EXPECT_FALSE(get.ok());
  EXPECT_FALSE(absl::IsNotFound(get));
  EXPECT_FALSE(store.Put(ResultKey(1), "value").ok());
  EXPECT_EQ(UnfinishedFiles(store.root()), std::vector<std::string>());
}

TEST_F(DiskStoreTest, DirectoriesRemovedByOthersAreMadeAgain) {
  DiskStore store = Open(kNoLimit);
  ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
  for (const char* gone : {"/result", "/tmp", "/usage", ""}) {
    std::filesystem::remove_all(store.root() + gone);
    ASSERT_TRUE(store.Put(ResultKey(1), "value").ok()) << gone;
    EXPECT_EQ(*store.Get(ResultKey(1)), "value");
    ASSERT_TRUE(store.Clean({}).ok());
    EXPECT_EQ(*store.Usage(), CountFiles(store.root())) << gone;
  }
}

TEST_F(DiskStoreTest, LostOrDamagedCountersAreRebuiltByACount) {
  DiskStore store = Open(kNoLimit);
  for (uint64_t i = 0; i < 40; ++i) ASSERT_TRUE(store.Put(ResultKey(i), Blocks(i, i % 5)).ok());
  for (const std::string& damage :
       {std::string(), std::string("short"), std::string(4120, 'x'), std::string(5000, '\0')}) {
    std::ofstream(store.root() + "/usage", std::ios::trunc) << damage;
    EXPECT_EQ(*store.Usage(), CountFiles(store.root()));
    DiskStore another = Open(kNoLimit);
    ASSERT_TRUE(another.Put(ResultKey(0), "value").ok());
    EXPECT_EQ(std::filesystem::file_size(store.root() + "/usage"), 4120u);
    EXPECT_EQ(*another.Usage(), CountFiles(store.root()));
  }
}

TEST_F(DiskStoreTest, ANewCacheIsNotWalkedToFindItEmpty) {
  DiskStore store = Open(kNoLimit);
  fs_.Behave();
  ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
  EXPECT_EQ(fs_.calls("List"), 0);
  EXPECT_EQ(store.Usage()->files, 1U);
  EXPECT_EQ(Open(kNoLimit).Usage()->files, 1U);
  EXPECT_EQ(fs_.calls("List"), 0) << "it is counted";
}

TEST_F(DiskStoreTest, ForEachPassesOverWhatIsNotAValue) {
  DiskStore store = Open(kNoLimit);
  std::set<Digest> stored;
  for (uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(store.Put(ResultKey(i), "value").ok());
    stored.insert(ResultKey(i).digest);
  }
  const std::filesystem::path shard =
      std::filesystem::path(store.PathOf(ResultKey(0))).parent_path();
  std::string upper = ResultKey(0).digest.ToHex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::string wrong_shard = shard.filename() == "00" ? "11" : "00";
  for (const std::string& name : {std::string("README"), upper + "0", upper.substr(1), upper,
                                  wrong_shard + std::string(62, 'a'), std::string(64, 'g')}) {
    std::ofstream(shard / name) << "not a value";
  }
  std::set<Digest> visited;
  ASSERT_TRUE(store
                  .ForEach(StoreNamespace::kResult,
                           [&](const StoreKey& key) {
                             EXPECT_EQ(key.ns, StoreNamespace::kResult);
                             EXPECT_TRUE(visited.insert(key.digest).second);
                             return true;
                           })
                  .ok());
  EXPECT_EQ(visited, stored);
  int others = 0;
  ASSERT_TRUE(store
                  .ForEach(StoreNamespace::kUnit,
                           [&](const StoreKey&) {
                             ++others;
                             return true;
                           })
                  .ok());
  EXPECT_EQ(others, 0);
}

TEST_F(DiskStoreTest, ForEachStopsWhenTold) {
  DiskStore store = Open(kNoLimit);
  for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(store.Put(ResultKey(i), "value").ok());
  int visits = 0;
  ASSERT_TRUE(
      store.ForEach(StoreNamespace::kResult, [&](const StoreKey&) { return ++visits < 5; }).ok());
  EXPECT_EQ(visits, 5);
}

TEST_F(DiskStoreTest, AValueLargerThanTheLimitIsRefusedAndEvictsNothing) {
  DiskStore store = Open(10 * kBlockBytes);
  ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(store.Put(ResultKey(2), Blocks(2, 11))));
  EXPECT_EQ(*store.Get(ResultKey(1)), "value");
  EXPECT_TRUE(absl::IsNotFound(store.Get(ResultKey(2)).status()));
}

TEST_F(DiskStoreTest, AValueAsLargeAsTheLimitIsKept) {
  DiskStore store = Open(10 * kBlockBytes);
  ASSERT_TRUE(store.Put(ResultKey(1), "value").ok());
  ASSERT_TRUE(store.Put(ResultKey(2), Blocks(2, 10)).ok());
  EXPECT_EQ(*store.Get(ResultKey(2)), Blocks(2, 10));
  EXPECT_EQ(*store.Usage(), (DiskUsage{10 * kBlockBytes, 1}));
}

TEST_F(DiskStoreTest, TheLeastRecentlyUsedGoesFirst) {
  DiskStore store = Open(100 * kBlockBytes);
  for (uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(store.Put(ResultKey(i), Blocks(i, 1)).ok());
  ASSERT_EQ(Held(store, 100).size(), 100u);
  // The oldest ten are read, so the next oldest go.
  for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(store.Get(ResultKey(i)).ok());
  for (uint64_t i = 100; i < 120; ++i) ASSERT_TRUE(store.Put(ResultKey(i), Blocks(i, 1)).ok());

  std::set<uint64_t> held = Held(store, 120);
  for (uint64_t i = 0; i < 10; ++i) EXPECT_TRUE(held.contains(i)) << i;
  // What went is one unbroken run from 10 on.
  uint64_t first_held = 10;
  while (!held.contains(first_held)) ++first_held;
  EXPECT_GE(first_held, 30u);
  EXPECT_LE(first_held, 33u);
  for (uint64_t i = first_held; i < 120; ++i) EXPECT_TRUE(held.contains(i)) << i;
  EXPECT_EQ(*store.Usage(), CountFiles(store.root()));
}

// Beyond kSmallStoreFiles eviction samples.
class LargeDiskStoreTest : public DiskStoreTest {
 protected:
  static constexpr uint64_t kFiles = 3 * kSmallStoreFiles;

  void Fill(DiskStore& store) {
    for (uint64_t i = 0; i < kFiles; ++i) {
      ASSERT_TRUE(store.Put(ResultKey(i), ValueFor(i, 0, 10)).ok());
    }
    ASSERT_EQ(store.Usage()->files, kFiles);
  }
};

TEST_F(LargeDiskStoreTest, NoStoreListsMoreThanAFewDirectories) {
  DiskStore store = Open(kFiles * kBlockBytes);
  Fill(store);
  int most = 0;
  int stores_that_list = 0;
  int all = 0;
  constexpr int kStores = 1000;
  for (int i = 0; i < kStores; ++i) {
    fs_.Behave();
    ASSERT_TRUE(store.Put(ResultKey(kFiles + i), "value").ok());
    const int lists = fs_.calls("List");
    most = std::max(most, lists);
    all += lists;
    stores_that_list += lists > 0 ? 1 : 0;
    ASSERT_LE(store.Usage()->bytes, kFiles * kBlockBytes);
  }
  // The whole is 256 shards in each namespace.
  EXPECT_LE(most, 4 * kSampledShards * kStoreNamespaceCount);
  EXPECT_GT(stores_that_list, 0);
  EXPECT_LE(stores_that_list, kStores / 10);
  EXPECT_LE(all, kStores * 8);
  EXPECT_EQ(*store.Usage(), CountFiles(store.root()));
}

TEST_F(LargeDiskStoreTest, SampledEvictionSparesTheRecentlyUsedHalf) {
  DiskStore store = Open(kFiles * kBlockBytes);
  Fill(store);
  for (uint64_t i = 0; i < kFiles / 2; ++i) ASSERT_TRUE(store.Get(ResultKey(i)).ok());
  for (uint64_t i = kFiles; i < kFiles + kFiles / 8; ++i) {
    ASSERT_TRUE(store.Put(ResultKey(i), "value").ok());
  }
  const std::set<uint64_t> held = Held(store, kFiles + kFiles / 8);
  for (uint64_t i = 0; i < kFiles / 2; ++i) EXPECT_TRUE(held.contains(i)) << i;
  for (uint64_t i = kFiles; i < kFiles + kFiles / 8; ++i) EXPECT_TRUE(held.contains(i)) << i;
  EXPECT_LE(held.size(), kFiles);
}

TEST_F(LargeDiskStoreTest, ALoweredLimitIsReachedByAndBy) {
  {
    DiskStore store = Open(kNoLimit);
    Fill(store);
  }
  const uint64_t limit = kFiles / 10 * kBlockBytes;
  DiskStore store = Open(limit);
  for (uint64_t i = 0; i < 50 && store.Usage()->bytes > limit; ++i) {
    ASSERT_TRUE(store.Put(ResultKey(kFiles + i), "value").ok());
  }
  EXPECT_LE(store.Usage()->bytes, limit);
  EXPECT_EQ(*store.Usage(), CountFiles(store.root()));
}

TEST_F(LargeDiskStoreTest, WrongCountersMendThemselvesWhereEvictionPasses) {
  DiskStore store = Open(kFiles * kBlockBytes);
  Fill(store);
  // As after many writers were killed between storing and counting.
  for (uint64_t i = 0; i < kFiles; i += 2) std::filesystem::remove(store.PathOf(ResultKey(i)));
  EXPECT_EQ(store.Usage()->files, kFiles);
  ASSERT_TRUE(store.Put(ResultKey(kFiles), "value").ok());
  // One look at a few shards freed enough, by counting alone.
  EXPECT_LT(store.Usage()->files, kFiles);
  for (uint64_t i = 1; i < kFiles; i += 2) {
    ASSERT_TRUE(std::filesystem::exists(store.PathOf(ResultKey(i)))) << i;
  }
}

}  // namespace
}  // namespace hpcc
