// Any bytes are decoded or refused, and what was decoded comes back from its own encoding.

#include <cstdint>
#include <cstdlib>

#include "worker/stored_result.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto result =
      hpcc::DecodeStoredResult(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!result.ok()) return 0;
  const auto again = hpcc::DecodeStoredResult(hpcc::EncodeStoredResult(*result));
  if (!again.ok() || again->isolation != result->isolation || again->outputs != result->outputs ||
      again->bundle != result->bundle) {
    std::abort();
  }
  return 0;
}
