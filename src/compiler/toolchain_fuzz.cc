// Any bytes are decoded or refused, and what was decoded comes back from its own encoding.

#include <cstdint>
#include <cstdlib>

#include "compiler/toolchain.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto facts =
      hpcc::DecodeToolchainFacts(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!facts.ok()) return 0;
  const std::string encoded = hpcc::EncodeToolchainFacts(*facts);
  const auto again = hpcc::DecodeToolchainFacts(encoded);
  if (!again.ok() || hpcc::EncodeToolchainFacts(*again) != encoded) std::abort();
  return 0;
}
