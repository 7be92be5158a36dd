// Whatever stands on a kernel's command line: what is taken for a setup is written as it was read.

#include <cstdint>
#include <cstdlib>

#include "sandbox/vm_guest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto setup =
      hpcc::DecodeGuestSetup(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!setup.ok()) return 0;
  const auto again = hpcc::DecodeGuestSetup(hpcc::EncodeGuestSetup(*setup));
  if (!again.ok() || *again != *setup) std::abort();
  return 0;
}
