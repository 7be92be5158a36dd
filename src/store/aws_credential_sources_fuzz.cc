// Whatever a metadata service or STS answers: it is read or refused, and what is read fits into a
// header line.

#include <cstdint>
#include <cstdlib>

#include "store/aws_credential_sources.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  for (const auto& credentials :
       {hpcc::ParseCredentialsJson(answer), hpcc::ParseStsAnswer(answer)}) {
    if (!credentials.ok()) continue;
    if (credentials->access_key.empty()) std::abort();
    for (const std::string* text :
         {&credentials->access_key, &credentials->secret_key, &credentials->session_token}) {
      if (!hpcc::FitsInHeader(*text)) std::abort();
    }
  }
  return 0;
}
