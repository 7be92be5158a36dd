// Any bytes are decoded or refused, and what was decoded comes back from its own encoding.

#include <cstdint>
#include <cstdlib>

#include "cache/unit_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto record =
      hpcc::DecodeUnitRecord(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!record.ok()) return 0;
  const std::string encoded = hpcc::EncodeUnitRecord(*record);
  const auto again = hpcc::DecodeUnitRecord(encoded);
  if (!again.ok() || hpcc::EncodeUnitRecord(*again) != encoded) std::abort();
  return 0;
}
