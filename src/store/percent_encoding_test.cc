#include "store/percent_encoding.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(PercentEncodingTest, LeavesUnreservedBytesAlone) {
  const std::string unreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  EXPECT_EQ(PercentEncode(unreserved), unreserved);
}

TEST(PercentEncodingTest, EncodesEveryOtherByteInUpperCaseHex) {
  EXPECT_EQ(PercentEncode(" +%/:"), "%20%2B%25%2F%3A");
  EXPECT_EQ(PercentEncode("\xc3\xa9\xff"), "%C3%A9%FF");
  EXPECT_EQ(PercentEncode(std::string_view("\0", 1)), "%00");
}

TEST(PercentEncodingTest, APathKeepsItsSlashes) {
  EXPECT_EQ(PercentEncodePath("a b/c"), "a%20b/c");
}

TEST(PercentEncodingTest, DecodesWhatItEncodedForEveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    EXPECT_EQ(PercentDecode(PercentEncode(text)), text) << byte;
  }
}

TEST(PercentEncodingTest, RefusesAPercentWithoutTwoDigits) {
  for (const std::string_view text : {"%", "a%2", "%zz", "%2", "%%20"}) {
    EXPECT_EQ(PercentDecode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hpcc
