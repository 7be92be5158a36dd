#include "compiler/coff_stamp.h"

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace hpcc {

namespace {

constexpr size_t kPlainStampOffset = 4;
constexpr size_t kBigObjectStampOffset = 8;
constexpr std::string_view kBigObjectSignature("\x00\x00\xff\xff", 4);

// Machine types of objects (same specification): x86, x64, ARM, ARM64.
constexpr uint32_t kMachines[] = {0x014c, 0x8664, 0x01c4, 0xaa64};

// Where the time stands, or 0 where there is none.
size_t StampOffset(std::string_view object) {
  if (object.size() < kCoffHeaderBytes) return 0;
  size_t offset = kPlainStampOffset;
  if (object.starts_with(kBigObjectSignature)) {
    offset = kBigObjectStampOffset;
  } else {
    const uint32_t machine = ByteReader(object).Fixed32() & 0xffff;
    if (std::find(std::begin(kMachines), std::end(kMachines), machine) == std::end(kMachines)) {
      return 0;
    }
  }
  return ByteReader(object.substr(offset)).Fixed32() == 0 ? 0 : offset;
}

}  // namespace

bool HasCoffStamp(std::string_view object) {
  return StampOffset(object) != 0;
}

void RestampCoffObject(std::string* object, uint32_t seconds) {
  const size_t offset = StampOffset(*object);
  if (offset == 0) return;
  ByteWriter stamp;
  stamp.Fixed32(seconds);
  object->replace(offset, stamp.size(), stamp.bytes());
}

}  // namespace hpcc
