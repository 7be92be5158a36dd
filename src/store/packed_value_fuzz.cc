// Any bytes unpack to something of a bounded size or are refused; what is packed here is unpacked
// again.

#include <cstdlib>

#include "store/packed_value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<std::string> unpacked = hpcc::UnpackValue(bytes);
  if (unpacked.ok() && unpacked->size() > hpcc::kMaxPackedValueBytes) std::abort();
  const std::string packed = hpcc::PackValue(bytes);
  if (packed.empty()) return 0;
  if (packed.size() >= size || *hpcc::UnpackValue(packed) != bytes) std::abort();
  return 0;
}
