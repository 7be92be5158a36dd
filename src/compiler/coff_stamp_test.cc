#include "compiler/coff_stamp.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hpcc {
namespace {

std::string Object(std::string_view start, uint32_t stamp) {
  ByteWriter out;
  out.Raw(start);
  out.Fixed32(stamp);
  out.Raw(std::string(40, 'x'));
  return out.Take();
}

using namespace std::string_view_literals;
constexpr std::string_view kX64 = "\x64\x86\x03\x00"sv;
constexpr std::string_view kBigObject = "\x00\x00\xff\xff\x02\x00\x64\x86"sv;

TEST(CoffStampTest, StampOfAnObjectIsSet) {
  for (const std::string_view start : {kX64, kBigObject, "\x64\xaa\x01\x00"sv}) {
    std::string object = Object(start, 0x5f000000);
    RestampCoffObject(&object, 0x60000001);
    EXPECT_EQ(object, Object(start, 0x60000001));
  }
}

TEST(CoffStampTest, ObjectWithoutAStampStaysWithout) {
  for (const std::string_view start : {kX64, kBigObject}) {
    std::string object = Object(start, 0);
    RestampCoffObject(&object, 0x60000001);
    EXPECT_EQ(object, Object(start, 0));
  }
}

TEST(CoffStampTest, EverythingElseIsLeftAlone) {
  for (const std::string& other : {Object("\x7f"
                                          "ELF",
                                          1),
                                   Object("MZ\x01\x02", 1), std::string("\x64\x86\x03\x00\x01", 5),
                                   std::string(), Object("!<ar", 1)}) {
    std::string object = other;
    RestampCoffObject(&object, 0x60000001);
    EXPECT_EQ(object, other);
  }
}

}  // namespace
}  // namespace hpcc
