// Any bytes are decoded or refused, and what was decoded comes back from its own encoding.

#include <cstdlib>

#include "cache/result_bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bundle =
      hpcc::DecodeBundle(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!bundle.ok()) return 0;
  const std::string plain = hpcc::EncodeBundle(*bundle, /*compress=*/false);
  for (const bool compress : {false, true}) {
    const auto again = hpcc::DecodeBundle(hpcc::EncodeBundle(*bundle, compress));
    if (!again.ok() || hpcc::EncodeBundle(*again, /*compress=*/false) != plain) std::abort();
  }
  return 0;
}
