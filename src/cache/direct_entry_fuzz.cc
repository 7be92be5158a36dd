// Any bytes are decoded or refused, and what was decoded comes back from its own encoding.

#include <cstdlib>

#include "cache/direct_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto entry =
      hpcc::DecodeDirectEntry(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!entry.ok()) return 0;
  const std::string bytes = hpcc::EncodeDirectEntry(*entry);
  const auto again = hpcc::DecodeDirectEntry(bytes);
  if (!again.ok() || hpcc::EncodeDirectEntry(*again) != bytes) std::abort();
  return 0;
}
