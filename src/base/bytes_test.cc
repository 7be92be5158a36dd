#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace hpcc {
namespace {

using namespace std::string_literals;

TEST(BytesTest, IntegersAreLittleEndian) {
  ByteWriter writer;
  writer.Fixed8(0x01);
  writer.Fixed32(0x05040302);
  writer.Fixed64(0x0d0c0b0a09080706);
  EXPECT_EQ(writer.bytes(), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d"s);
  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.Fixed8(), 0x01);
  EXPECT_EQ(reader.Fixed32(), 0x05040302u);
  EXPECT_EQ(reader.Fixed64(), 0x0d0c0b0a09080706u);
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST(BytesTest, VarintsHaveSevenBitsAByteLowestFirst) {
  const std::pair<uint64_t, std::string> kCases[] = {
      {0, "\0"s},
      {1, "\x01"},
      {127, "\x7f"},
      {128, "\x80\x01"},
      {300, "\xac\x02"},
      {std::numeric_limits<uint64_t>::max(), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}};
  for (const auto& [value, bytes] : kCases) {
    ByteWriter writer;
    writer.Varint(value);
    EXPECT_EQ(writer.bytes(), bytes) << value;
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), value);
    EXPECT_TRUE(reader.ok() && reader.at_end()) << value;
  }
}

TEST(BytesTest, AVarintOfMoreThanSixtyFourBitsIsMalformed) {
  for (const std::string& bytes : {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
                                   "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s,
                                   "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\0"s}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), 0u);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(BytesTest, StringsKeepEveryByte) {
  const std::string values[] = {""s, "a"s, "with\0zero"s, std::string(300, '\xff')};
  ByteWriter writer;
  for (const std::string& value : values) writer.String(value);
  ByteReader reader(writer.bytes());
  for (const std::string& value : values) EXPECT_EQ(reader.String(), value);
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST(BytesTest, AfterAReadPastTheEndEveryReadIsEmpty) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.Fixed32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Fixed8(), 0);
  EXPECT_EQ(reader.Varint(), 0u);
  EXPECT_EQ(reader.String(), "");
  EXPECT_TRUE(reader.DigestBytes().is_zero());
  EXPECT_EQ(reader.Count(1), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(BytesTest, TruncationAtEveryLengthFails) {
  ByteWriter writer;
  writer.Fixed8(1);
  writer.Fixed32(2);
  writer.Fixed64(3);
  writer.Varint(300);
  writer.String("text");
  writer.DigestBytes(Digest::Of("x"));
  const auto read_all = [](std::string_view bytes) {
    ByteReader reader(bytes);
    reader.Fixed8();
    reader.Fixed32();
    reader.Fixed64();
    reader.Varint();
    reader.String();
    reader.DigestBytes();
    return reader.ok();
  };
  EXPECT_TRUE(read_all(writer.bytes()));
  for (size_t size = 0; size < writer.size(); ++size) {
    EXPECT_FALSE(read_all(std::string_view(writer.bytes()).substr(0, size))) << size;
  }
}

TEST(BytesTest, ALengthBeyondTheDataIsRefused) {
  ByteWriter writer;
  writer.Varint(std::numeric_limits<uint64_t>::max());
  writer.Raw("some bytes");
  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.String(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(BytesTest, ACountThatTheDataCannotHoldIsRefused) {
  ByteWriter writer;
  writer.Varint(3);
  writer.Raw("123456789012");
  ByteReader fits(writer.bytes());
  EXPECT_EQ(fits.Count(4), 3u);
  EXPECT_TRUE(fits.ok());
  ByteReader too_many(writer.bytes());
  EXPECT_EQ(too_many.Count(5), 0u);
  EXPECT_FALSE(too_many.ok());
}

}  // namespace
}  // namespace hpcc
