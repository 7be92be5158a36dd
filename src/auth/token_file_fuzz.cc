// Any bytes are read or refused, and what was read is written as it was read.

#include <cstdint>
#include <cstdlib>

#include "auth/token_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto tokens =
      hpcc::ParseTokenFile(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!tokens.ok()) return 0;
  const std::string text = hpcc::FormatTokenFile(*tokens);
  const auto again = hpcc::ParseTokenFile(text);
  if (!again.ok() || hpcc::FormatTokenFile(*again) != text) std::abort();
  return 0;
}
