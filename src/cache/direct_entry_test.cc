#include "cache/direct_entry.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

FileStamp Stamp(uint64_t seed) {
  return {.device = seed,
          .inode = seed + 1,
          .size = seed + 2,
          .modified_ns = static_cast<int64_t>(seed + 3),
          .changed_ns = -1};
}

DirectEntry Example() {
  DirectRecord result;
  result.result_key = DigestOfBytes(0xaa);
  result.terminal = "t";
  result.root = "/r";
  result.files = {
      {.path = "a.c", .digest = DigestOfBytes(0xbb), .trusted = true, .stamp = Stamp(0x10)}};
  result.directories = {
      {"inc", false, Stamp(0x20), {{"x.h", false, true}, {"y/z.h", true, false}}}};
  result.places = {{"inc", "/v1/inc"}};
  DirectRecord refusal;
  refusal.kind = DirectRecord::Kind::kNotCacheable;
  refusal.detail =
      "\x13"
      "a.c";
  return {{result, refusal}};
}

TEST(DirectEntryTest, EncodingIsStable) {
  EXPECT_EQ(Hex(EncodeDirectEntry(Example())),
            "01020000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0174022f"
            "720103612e63bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0110"
            "00000000000000110000000000000012000000000000001300000000000000ffffffffffffffff01"
            "03696e63002000000000000000210000000000000022000000000000002300000000000000ffffff"
            "ffffffffff0d0203782e680205792f7a2e68010103696e63072f76312f696e63020413612e63000000"
            "00000000000000000000000000000000000000000000000000000000000000000000");
}

TEST(DirectEntryTest, DecodingGivesBackWhatWasEncoded) {
  const absl::StatusOr<DirectEntry> entry = DecodeDirectEntry(EncodeDirectEntry(Example()));
  ASSERT_TRUE(entry.ok()) << entry.status();
  ASSERT_EQ(entry->records.size(), 2);
  const DirectRecord& record = entry->records[0];
  EXPECT_EQ(record.kind, DirectRecord::Kind::kResult);
  EXPECT_EQ(record.result_key, DigestOfBytes(0xaa));
  EXPECT_EQ(record.terminal, "t");
  EXPECT_EQ(record.root, "/r");
  ASSERT_EQ(record.files.size(), 1);
  EXPECT_EQ(record.files[0].path, "a.c");
  EXPECT_EQ(record.files[0].digest, DigestOfBytes(0xbb));
  EXPECT_TRUE(record.files[0].trusted);
  EXPECT_EQ(record.files[0].stamp, Stamp(0x10));
  ASSERT_EQ(record.directories.size(), 1);
  EXPECT_EQ(record.directories[0].path, "inc");
  EXPECT_FALSE(record.directories[0].trusted);
  EXPECT_EQ(record.directories[0].stamp, Stamp(0x20));
  ASSERT_EQ(record.directories[0].names.size(), 2);
  EXPECT_FALSE(record.directories[0].names[0].exists);
  EXPECT_TRUE(record.directories[0].names[0].vouched);
  EXPECT_TRUE(record.directories[0].names[1].exists);
  EXPECT_FALSE(record.directories[0].names[1].vouched);
  ASSERT_EQ(record.places.size(), 1);
  EXPECT_EQ(record.places[0].path, "inc");
  EXPECT_EQ(record.places[0].real, "/v1/inc");
  EXPECT_EQ(entry->records[1].kind, DirectRecord::Kind::kNotCacheable);
  EXPECT_EQ(entry->records[1].detail,
            "\x13"
            "a.c");
}

TEST(DirectEntryTest, TruncationAtEveryLengthIsRefused) {
  ExpectOnlyWholeIsDecoded(EncodeDirectEntry(Example()),
                           [](std::string_view bytes) { return DecodeDirectEntry(bytes); });
}

TEST(DirectEntryTest, UnknownKindOfRecordIsRefused) {
  DirectEntry entry = Example();
  entry.records[0].kind = static_cast<DirectRecord::Kind>(3);
  EXPECT_TRUE(absl::IsDataLoss(DecodeDirectEntry(EncodeDirectEntry(entry)).status()));
}

TEST(DirectEntryTest, CountThatTheDataCannotHoldIsRefused) {
  EXPECT_TRUE(absl::IsDataLoss(DecodeDirectEntry("\x01\xff\xff\xff\xff\xff\xff\xff\x7f").status()));
}

TEST(DirectEntryTest, StampIsSettledOnlyTwoSecondsAfterTheLaterOfItsTimes) {
  constexpr int64_t kSecond = 1'000'000'000;
  FileStamp stamp{.modified_ns = 5 * kSecond, .changed_ns = 10 * kSecond};
  EXPECT_FALSE(IsSettled(stamp, 10 * kSecond));
  EXPECT_FALSE(IsSettled(stamp, 12 * kSecond));
  EXPECT_TRUE(IsSettled(stamp, 12 * kSecond + 1));
  std::swap(stamp.modified_ns, stamp.changed_ns);
  EXPECT_FALSE(IsSettled(stamp, 12 * kSecond));
  stamp.modified_ns = 1000 * kSecond;  // from the future
  EXPECT_FALSE(IsSettled(stamp, 12 * kSecond));
}

}  // namespace
}  // namespace hpcc
