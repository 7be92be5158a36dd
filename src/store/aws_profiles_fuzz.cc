// Any bytes are read as either file or refused; a refusal names a line and repeats nothing of it.

#include <cstdlib>

#include "store/aws_profiles.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {hpcc::AwsProfileFile::kCredentials, hpcc::AwsProfileFile::kConfig}) {
    const auto profiles = hpcc::ParseAwsProfiles(text, kind);
    if (!profiles.ok()) {
      if (profiles.status().message().size() > 100) std::abort();
      continue;
    }
    for (const auto& [name, profile] : *profiles) {
      if (name.empty()) std::abort();
      for (const auto& [key, value] : profile) {
        if (key.empty() || text.find(value) == std::string_view::npos) std::abort();
      }
    }
  }
  return 0;
}
