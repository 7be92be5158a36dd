#include "store/verified_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/disk_store.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

StoreKey AscendingKey() {
  std::array<uint8_t, Digest::kSize> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return {StoreNamespace::kDirect, Digest(bytes)};
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return hex;
}

TEST(SealedValueTest, BytesAreThoseOfVersionOne) {
  // If this fails, every cache in the world has become unreadable: raise the version instead. The
  // seal was computed by another implementation of BLAKE3.
  EXPECT_EQ(ToHex(SealValue(AscendingKey(), "payload")),
            "48504343"  // HPCC
            "01"        // version
            "01"        // direct
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
            "0700000000000000"
            "7061796c6f6164"
            "41de0327d47602a9f71f7029fcf2e577ca79505b1438b021def59a4b32123e1e");
}

TEST(SealedValueTest, OpensWhatWasSealed) {
  for (const std::string& payload : {std::string(), std::string("x"), ValueFor(1, 1, 100000)}) {
    const std::string sealed = SealValue(AscendingKey(), payload);
    const absl::StatusOr<std::string_view> opened = OpenSealedValue(AscendingKey(), sealed);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(*opened, payload);
  }
}

TEST(SealedValueTest, AnotherKeysValueIsRefused) {
  const std::string sealed = SealValue(AscendingKey(), "payload");
  StoreKey other_namespace = AscendingKey();
  other_namespace.ns = StoreNamespace::kResult;
  EXPECT_TRUE(absl::IsDataLoss(OpenSealedValue(other_namespace, sealed).status()));
  EXPECT_TRUE(absl::IsDataLoss(OpenSealedValue(ResultKey(1), sealed).status()));
}

TEST(SealedValueTest, NothingMayFollowTheSeal) {
  const std::string sealed = SealValue(AscendingKey(), "payload");
  EXPECT_TRUE(absl::IsDataLoss(OpenSealedValue(AscendingKey(), sealed + '\0').status()));
  EXPECT_TRUE(absl::IsDataLoss(OpenSealedValue(AscendingKey(), sealed + sealed).status()));
}

TEST(SealedValueTest, AHugeSizeFieldIsRefused) {
  std::string sealed = SealValue(AscendingKey(), "payload");
  for (size_t i = 0; i < 8; ++i) sealed[38 + i] = '\xff';
  EXPECT_TRUE(absl::IsDataLoss(OpenSealedValue(AscendingKey(), sealed).status()));
}

// A disk store below a verified one, and a way to damage what it holds.
class VerifiedDiskStoreTest : public testing::Test {
 protected:
  void Damage(const std::string& contents) {
    std::filesystem::create_directories(std::filesystem::path(disk_.PathOf(key_)).parent_path());
    std::ofstream(disk_.PathOf(key_), std::ios::binary | std::ios::trunc) << contents;
  }

  // The damage is reported once, and then the entry is gone.
  void ExpectDataLossThenMiss(const std::string& what) {
    EXPECT_TRUE(absl::IsDataLoss(store_.Get(key_).status())) << what;
    EXPECT_FALSE(std::filesystem::exists(disk_.PathOf(key_))) << what;
    EXPECT_TRUE(absl::IsNotFound(store_.Get(key_).status())) << what;
  }

  ScratchDirectory scratch_;
  DiskStore disk_{{scratch_.path() + "/cache", 0}, FileSystem::Real(), Clock::Real()};
  VerifiedStore store_{disk_};
  const StoreKey key_ = ResultKey(7);
};

TEST_F(VerifiedDiskStoreTest, GivesBackWhatWasStored) {
  for (const std::string& payload : {std::string(), std::string("x"), ValueFor(1, 1, 100000)}) {
    ASSERT_TRUE(store_.Put(key_, payload).ok());
    const absl::StatusOr<std::string> value = store_.Get(key_);
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(*value, payload);
  }
  ASSERT_TRUE(store_.Remove(key_).ok());
  EXPECT_TRUE(absl::IsNotFound(store_.Get(key_).status()));
}

TEST_F(VerifiedDiskStoreTest, EverySingleBitFlipIsDataLossAndTheEntryIsGone) {
  const std::string sealed = SealValue(key_, "a small value");
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string flipped = sealed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    Damage(flipped);
    ExpectDataLossThenMiss(StrCat("bit ", bit));
  }
}

TEST_F(VerifiedDiskStoreTest, TruncationAtEveryLengthIsDataLossAndTheEntryIsGone) {
  const std::string sealed = SealValue(key_, "a small value");
  for (size_t size = 0; size < sealed.size(); ++size) {
    Damage(sealed.substr(0, size));
    ExpectDataLossThenMiss(StrCat("length ", size));
  }
}

TEST_F(VerifiedDiskStoreTest, AnotherEntrysFileInItsPlaceIsDataLoss) {
  Damage(SealValue(ResultKey(8), "of another"));
  ExpectDataLossThenMiss("misplaced");
}

TEST_F(VerifiedDiskStoreTest, RemovingADamagedEntryLeavesTheCountersRight) {
  ASSERT_TRUE(store_.Put(key_, "value").ok());
  ASSERT_TRUE(store_.Put(ResultKey(8), "value").ok());
  Damage("damaged");
  ExpectDataLossThenMiss("damaged");
  EXPECT_EQ(*disk_.Usage(), CountFiles(disk_.root()));
  EXPECT_EQ(disk_.Usage()->files, 1u);
}

}  // namespace
}  // namespace hpcc
