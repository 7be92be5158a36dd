// Whatever a metadata service answers: it is read or refused.

#include <cstdint>
#include <cstdlib>

#include "store/aws_credential_sources.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto credentials =
      hpcc::ParseCredentialsJson(std::string_view(reinterpret_cast<const char*>(data), size));
  if (credentials.ok() && credentials->access_key.empty()) std::abort();
  return 0;
}
