// Whatever a VMM answers to CONNECT, what is taken for an answer is one: written out again it is
// the same number, and nothing longer than an answer can be is taken.

#include <cstdlib>

#include "base/strings.h"
#include "sandbox/vsock_handshake.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<uint32_t> number = hpcc::ParseVsockAnswer(line);
  if (!number.ok()) return 0;
  const absl::StatusOr<uint32_t> again = hpcc::ParseVsockAnswer(hpcc::StrCat("OK ", *number));
  if (!again.ok() || *again != *number) std::abort();
  return 0;
}
