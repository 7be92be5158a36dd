#include "cache/file_memo.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

constexpr int64_t kLater = 100'000'000'000;  // nanoseconds; stamps below are settled by then

FileStamp StampOf(uint64_t number) {
  return {.device = 1, .inode = number, .size = 10, .modified_ns = 5, .changed_ns = 7};
}

FileFacts FactsOf(uint8_t number) {
  ScannedText scanned;
  scanned.directives.push_back({IncludeDirective::Kind::kHasIncludeNext, true, "a.h"});
  scanned.has_include_aliases = {"HAS"};
  scanned.once_only = true;
  scanned.depends_on_stamps = true;
  return {DigestOfBytes(number), std::make_shared<const ScannedText>(scanned)};
}

TEST(FileMemoTest, WhatIsRememberedIsFoundByEveryPartOfItsStamp) {
  FileMemo memo(1 << 20);
  memo.Remember(StampOf(1), FactsOf(1), kLater);
  EXPECT_EQ(memo.Find(StampOf(1))->digest, DigestOfBytes(1));
  for (const auto& change : std::vector<std::function<void(FileStamp*)>>{
           [](FileStamp* stamp) { ++stamp->device; }, [](FileStamp* stamp) { ++stamp->inode; },
           [](FileStamp* stamp) { ++stamp->size; }, [](FileStamp* stamp) { ++stamp->modified_ns; },
           [](FileStamp* stamp) { ++stamp->changed_ns; }}) {
    FileStamp other = StampOf(1);
    change(&other);
    EXPECT_FALSE(memo.Find(other).has_value());
  }
}

TEST(FileMemoTest, AFileThatChangedTooRecentlyIsNotRemembered) {
  FileMemo memo(1 << 20);
  FileStamp stamp = StampOf(1);
  stamp.changed_ns = kLater - 1'000'000;
  memo.Remember(stamp, FactsOf(1), kLater);
  EXPECT_FALSE(memo.Find(stamp).has_value());
  stamp.changed_ns = kLater + 1'000'000'000'000;  // from the future
  memo.Remember(stamp, FactsOf(1), kLater);
  EXPECT_FALSE(memo.Find(stamp).has_value());
}

TEST(FileMemoTest, MemoryIsBoundedAndTheLeastRecentlyUsedGoes) {
  FileMemo memo(100'000);
  memo.Remember(StampOf(0), FactsOf(0), kLater);
  for (uint64_t i = 1; i < 10'000; ++i) {
    memo.Remember(StampOf(i), FactsOf(1), kLater);
    EXPECT_TRUE(memo.Find(StampOf(0)).has_value());
  }
  EXPECT_LE(memo.size().bytes, 100'000u);
  EXPECT_GT(memo.size().files, 50u);
  EXPECT_FALSE(memo.Find(StampOf(1)).has_value());
  EXPECT_TRUE(memo.Find(StampOf(9'999)).has_value());
}

TEST(FileMemoTest, AScanIsNotLostToADigestAlone) {
  FileMemo memo(1 << 20);
  memo.Remember(StampOf(1), {DigestOfBytes(1), nullptr}, kLater);
  memo.Remember(StampOf(1), FactsOf(1), kLater);
  memo.Remember(StampOf(1), {DigestOfBytes(1), nullptr}, kLater);
  EXPECT_NE(memo.Find(StampOf(1))->scanned, nullptr);
  EXPECT_EQ(memo.size().files, 1u);
}

TEST(FileMemoTest, ComesBackFromItsEncodingInItsOrderOfUse) {
  FileMemo memo(1 << 20);
  memo.Remember(StampOf(1), FactsOf(1), kLater);
  memo.Remember(StampOf(2), {DigestOfBytes(2), nullptr}, kLater);
  EXPECT_TRUE(memo.Find(StampOf(1)).has_value());
  FileMemo again(1 << 20);
  ASSERT_TRUE(again.Decode(memo.Encode()).ok());
  EXPECT_EQ(again.Encode(), memo.Encode());
  const std::optional<FileFacts> facts = again.Find(StampOf(1));
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->digest, DigestOfBytes(1));
  EXPECT_EQ(facts->scanned->directives, FactsOf(1).scanned->directives);
  EXPECT_EQ(facts->scanned->has_include_aliases, FactsOf(1).scanned->has_include_aliases);
  EXPECT_TRUE(facts->scanned->once_only);
  EXPECT_TRUE(facts->scanned->depends_on_stamps);
  EXPECT_FALSE(facts->scanned->embeds_files);
  EXPECT_EQ(again.Find(StampOf(2))->scanned, nullptr);
}

TEST(FileMemoTest, OnlyItsOwnEncodingIsRead) {
  FileMemo memo(1 << 20);
  memo.Remember(StampOf(1), FactsOf(1), kLater);
  const std::string bytes = memo.Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    FileMemo other(1 << 20);
    EXPECT_TRUE(absl::IsDataLoss(other.Decode(bytes.substr(0, size)))) << size;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    FileMemo other(1 << 20);
    EXPECT_TRUE(absl::IsDataLoss(other.Decode(changed))) << i;
    EXPECT_EQ(other.size().files, 0u);
  }
}

TEST(FileMemoTest, EncodingIsAsWrittenDown) {
  FileMemo memo(1 << 20);
  memo.Remember(StampOf(3), FactsOf(9), kLater);
  const std::string bytes = memo.Encode();
  EXPECT_EQ(Hex(bytes.substr(0, bytes.size() - Digest::kSize)),
            "01"
            "03"
            "01"
            "0100000000000000"
            "0300000000000000"
            "0a00000000000000"
            "0500000000000000"
            "0700000000000000"
            "0909090909090909090909090909090909090909090909090909090909090909"
            "01"
            "8005"
            "01"
            "0301"
            "03612e68"
            "01"
            "03484153");
}

}  // namespace
}  // namespace hpcc
