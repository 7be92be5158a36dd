// The disk store when the file system fails: at every call in turn, for good from some call on, or
// because the disk is full.

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "base/faulty_file_system.h"
#include "store/disk_store.h"
#include "store/store_test_util.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

constexpr uint64_t kOthers = 12;
constexpr uint64_t kSubject = 1000;
constexpr size_t kValueSize = 3 * kBlockBytes + 17;

// One operation on a store, and what may be true of its subject afterwards.
struct Operation {
  const char* name;
  bool subject_exists_before;
  uint64_t max_size;
  absl::Status (*run)(DiskStore& disk, VerifiedStore& store);
};

absl::Status PutSubject(DiskStore&, VerifiedStore& store) {
  return store.Put(ResultKey(kSubject), ValueFor(kSubject, 2, kValueSize));
}
absl::Status GetSubject(DiskStore&, VerifiedStore& store) {
  return store.Get(ResultKey(kSubject)).status();
}
absl::Status RemoveSubject(DiskStore&, VerifiedStore& store) {
  return store.Remove(ResultKey(kSubject));
}
absl::Status Clean(DiskStore& disk, VerifiedStore&) {
  return disk.Clean({}).status();
}
absl::Status CleanAll(DiskStore& disk, VerifiedStore&) {
  return disk.Clean({.all = true}).status();
}

constexpr uint64_t kEveryValue = (kOthers + 1) * 4 * kBlockBytes;

const Operation kOperations[] = {
    {"PutNew", false, 0, PutSubject},
    {"PutReplacing", true, 0, PutSubject},
    {"PutEvicting", false, kEveryValue - 4 * kBlockBytes, PutSubject},
    {"Get", true, 0, GetSubject},
    {"GetMissing", false, 0, GetSubject},
    {"Remove", true, 0, RemoveSubject},
    {"Clean", true, 0, Clean},
    {"CleanAll", true, 0, CleanAll},
};

class FaultTest : public testing::TestWithParam<Operation> {
 protected:
  // A fresh cache with the others, and perhaps the subject, in it.
  void SetUpStore() {
    scratch_ = std::make_unique<ScratchDirectory>();
    DiskStore disk({Root(), 0}, FileSystem::Real(), Clock::Real());
    VerifiedStore store(disk);
    for (uint64_t i = 0; i < kOthers; ++i) {
      ASSERT_TRUE(store.Put(ResultKey(i), ValueFor(i, 1, kValueSize)).ok());
    }
    if (GetParam().subject_exists_before) {
      ASSERT_TRUE(store.Put(ResultKey(kSubject), ValueFor(kSubject, 1, kValueSize)).ok());
    }
  }

  std::string Root() const { return scratch_->path() + "/cache"; }

  absl::Status Run(FileSystem& fs) {
    DiskStore disk({Root(), GetParam().max_size}, fs, Clock::Real());
    VerifiedStore store(disk);
    return GetParam().run(disk, store);
  }

  // Nothing that was acknowledged is lost, nothing half-done is seen, and one clean-up mends all.
  void Judge(const absl::Status& status, const std::string& where) {
    DiskStore disk({Root(), 0}, FileSystem::Real(), Clock::Real());
    VerifiedStore store(disk);
    const bool may_remove_others = GetParam().max_size != 0 || GetParam().run == CleanAll;
    uint64_t gone = 0;
    for (uint64_t i = 0; i < kOthers; ++i) {
      const absl::StatusOr<std::string> value = store.Get(ResultKey(i));
      if (absl::IsNotFound(value.status())) {
        ++gone;
        continue;
      }
      ASSERT_TRUE(value.ok()) << where << ": " << value.status();
      EXPECT_EQ(*value, ValueFor(i, 1, kValueSize)) << where;
    }
    if (!may_remove_others) {
      EXPECT_EQ(gone, 0u) << where;
    }
    if (GetParam().max_size != 0) {
      EXPECT_LE(gone, 3u) << where;
    }
    JudgeSubject(status, store, where);

    const absl::StatusOr<CleanReport> cleaned = disk.Clean({});
    ASSERT_TRUE(cleaned.ok()) << where << ": " << cleaned.status();
    EXPECT_EQ(UnfinishedFiles(Root()), std::vector<std::string>()) << where;
    EXPECT_EQ(*disk.Usage(), CountFiles(Root())) << where;
    ASSERT_TRUE(store.Put(ResultKey(kSubject), "afterwards").ok()) << where;
    EXPECT_EQ(*store.Get(ResultKey(kSubject)), "afterwards") << where;
  }

  void JudgeSubject(const absl::Status& status, VerifiedStore& store, const std::string& where) {
    const absl::StatusOr<std::string> value = store.Get(ResultKey(kSubject));
    const auto run = GetParam().run;
    if (value.ok()) {
      const bool is_old = *value == ValueFor(kSubject, 1, kValueSize);
      const bool is_new = *value == ValueFor(kSubject, 2, kValueSize);
      if (run == PutSubject) {
        EXPECT_TRUE(is_new || (is_old && !status.ok())) << where;
      } else {
        EXPECT_TRUE(is_old) << where;
      }
      if ((run == RemoveSubject || run == CleanAll) && !not_found_is_success_) {
        EXPECT_FALSE(status.ok()) << where;
      }
      return;
    }
    ASSERT_TRUE(absl::IsNotFound(value.status())) << where << ": " << value.status();
    const bool may_be_missing =
        !GetParam().subject_exists_before || run == RemoveSubject || run == CleanAll;
    EXPECT_TRUE(may_be_missing) << where;
    if (run == PutSubject) {
      EXPECT_FALSE(status.ok()) << where;
    }
  }

  // Runs with one order after another, from the first call to the last.
  void ForEveryCall(const std::function<void(FaultyFileSystem&, int n)>& order) {
    int faults = 0;
    for (int n = 1;; ++n) {
      SetUpStore();
      FaultyFileSystem fs(FileSystem::Real());
      order(fs, n);
      const absl::Status status = Run(fs);
      const std::string where = StrCat(GetParam().name, ", call ", n, ", ", status.ToString());
      Judge(status, where);
      if (HasFatalFailure()) return;
      if (!fs.fault_happened()) {
        EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << where;
        break;
      }
      ++faults;
      // The walk over 1024 directories is all alike.
      if (n > 50) n += 60;
    }
    EXPECT_GT(faults, 0);
  }

  std::unique_ptr<ScratchDirectory> scratch_;
  bool not_found_is_success_ = false;
};

TEST_P(FaultTest, AnyCallMayFailWithAnIoError) {
  ForEveryCall([](FaultyFileSystem& fs, int n) { fs.FailCall(n, EIO); });
}

TEST_P(FaultTest, AnyCallMayFailForWantOfSpace) {
  ForEveryCall([](FaultyFileSystem& fs, int n) { fs.FailCall(n, ENOSPC); });
}

TEST_P(FaultTest, AnyCallMayFailForWantOfPermission) {
  ForEveryCall([](FaultyFileSystem& fs, int n) { fs.FailCall(n, EACCES); });
}

TEST_P(FaultTest, AnyCallMayFindNothing) {
  // As when another process cleans up at this very moment. To a remover that is success.
  not_found_is_success_ = true;
  ForEveryCall([](FaultyFileSystem& fs, int n) { fs.FailCall(n, ENOENT); });
}

TEST_P(FaultTest, TheProcessMayDieAtAnyCall) {
  ForEveryCall([](FaultyFileSystem& fs, int n) { fs.KillAt(n); });
}

INSTANTIATE_TEST_SUITE_P(Operations, FaultTest, testing::ValuesIn(kOperations),
                         [](const auto& info) { return std::string(info.param.name); });

class FullDiskTest : public testing::Test {
 protected:
  ScratchDirectory scratch_;
  FaultyFileSystem fs_{FileSystem::Real()};
  DiskStore disk_{{scratch_.path() + "/cache", 0}, fs_, Clock::Real()};
  VerifiedStore store_{disk_};
};

TEST_F(FullDiskTest, ATornWriteAtAnyLengthLeavesNothing) {
  ASSERT_TRUE(store_.Put(ResultKey(1), "old").ok());
  const size_t sealed_size = SealValue(ResultKey(1), "new").size();
  for (size_t bytes = 0; bytes < sealed_size; ++bytes) {
    fs_.TearWrite(1, bytes);
    const absl::Status put = store_.Put(ResultKey(1), "new");
    ASSERT_TRUE(fs_.fault_happened());
    EXPECT_TRUE(absl::IsResourceExhausted(put)) << put;
    fs_.Behave();
    EXPECT_EQ(*store_.Get(ResultKey(1)), "old");
    EXPECT_EQ(UnfinishedFiles(disk_.root()), std::vector<std::string>());
  }
  EXPECT_EQ(*disk_.Usage(), CountFiles(disk_.root()));
}

TEST_F(FullDiskTest, AFullDiskRefusesStoresAndServesWhatItHas) {
  ASSERT_TRUE(store_.Put(ResultKey(1), "value").ok());
  fs_.FillDisk();
  EXPECT_TRUE(absl::IsResourceExhausted(store_.Put(ResultKey(2), "value")));
  EXPECT_EQ(*store_.Get(ResultKey(1)), "value");
  EXPECT_TRUE(absl::IsNotFound(store_.Get(ResultKey(2)).status()));
  fs_.Behave();
  EXPECT_EQ(UnfinishedFiles(disk_.root()), std::vector<std::string>());
  EXPECT_TRUE(store_.Put(ResultKey(2), "value").ok());
}

TEST_F(FullDiskTest, ADiskFullFromTheStartIsACleanError) {
  fs_.FillDisk();
  EXPECT_TRUE(absl::IsResourceExhausted(store_.Put(ResultKey(1), "value")));
  EXPECT_TRUE(absl::IsNotFound(store_.Get(ResultKey(1)).status()));
  EXPECT_FALSE(std::filesystem::exists(disk_.root()));
}

}  // namespace
}  // namespace hpcc
