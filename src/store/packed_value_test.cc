#include "store/packed_value.h"

#include <gtest/gtest.h>

#include <charconv>

#include "base/strings.h"
#include "store/store_test_util.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    int byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// Version 1, packed by zstd's own program; what lies in buckets must stay readable.
constexpr std::string_view kGolden =
    "4850435a"  // HPCZ
    "01"        // version
    "40000000"  // 64 bytes
    "28b52ffd20405d00002848504343000100908016";
const std::string& GoldenValue() {
  static const std::string value = StrCat("HPCC", std::string(60, '\0'));
  return value;
}

TEST(PackedValueTest, BytesOfVersionOneAreRead) {
  EXPECT_EQ(*UnpackValue(FromHex(kGolden)), GoldenValue());
}

TEST(PackedValueTest, WhatIsWrittenBeginsAsVersionOneDoes) {
  const std::string packed = PackValue(GoldenValue());
  ASSERT_FALSE(packed.empty());
  EXPECT_EQ(packed.substr(0, 13), FromHex(kGolden).substr(0, 13));
  EXPECT_EQ(*UnpackValue(packed), GoldenValue());
}

TEST(PackedValueTest, WhatIsNotPackedIsReturnedAsItIs) {
  for (const std::string& bytes : {std::string(), std::string("HPC"), std::string("anything"),
                                   SealValue(ResultKey(1), "payload")}) {
    EXPECT_EQ(*UnpackValue(bytes), bytes);
  }
}

TEST(PackedValueTest, WhatWouldNotGetShorterIsNotPacked) {
  EXPECT_EQ(PackValue(ValueFor(1, 1, 10'000)), "");
  EXPECT_EQ(PackValue("short"), "");
  EXPECT_EQ(PackValue(""), "");
}

TEST(PackedValueTest, TruncationAtEveryLengthIsDataLoss) {
  const std::string packed = PackValue(SealValue(ResultKey(1), std::string(2000, 'x')));
  for (size_t size = 4; size < packed.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(UnpackValue(packed.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(UnpackValue(packed + "x").status()));
  EXPECT_TRUE(absl::IsDataLoss(UnpackValue(packed + packed).status()));
}

TEST(PackedValueTest, OtherVersionsAndSizesThatAreNotTrueAreDataLoss) {
  std::string packed = FromHex(kGolden);
  packed[4] = 2;
  EXPECT_TRUE(absl::IsDataLoss(UnpackValue(packed).status()));
  for (const uint32_t size : {0u, 63u, 65u, 0x0400'0001u, 0xffff'ffffu}) {
    packed = FromHex(kGolden);
    for (int i = 0; i < 4; ++i) packed[5 + i] = static_cast<char>(size >> (8 * i));
    EXPECT_TRUE(absl::IsDataLoss(UnpackValue(packed).status())) << size;
  }
}

}  // namespace
}  // namespace hpcc
