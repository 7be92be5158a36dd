// Whatever a program prints as its version: what is taken for one is written as it was read.

#include <cstdint>
#include <cstdlib>

#include "sandbox/jailer_command.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& version :
       {hpcc::ParseVersionLine(text, "Jailer"), hpcc::ParseFirecrackerVersion(text)}) {
    if (!version.ok()) continue;
    const auto again = hpcc::ParseFirecrackerVersion(version->ToString());
    if (!again.ok() || *again != *version) std::abort();
  }
  return 0;
}
