// Whatever a registry wants to see: challenges are read or left out, and names are in lower case.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "image/registry_challenge.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto challenges = hpcc::ParseChallenges(header);
  if (header.size() > hpcc::kMaxChallengeBytes && !challenges.empty()) std::abort();
  for (const hpcc::AuthChallenge& challenge : challenges) {
    if (challenge.scheme.empty() ||
        std::any_of(challenge.scheme.begin(), challenge.scheme.end(), upper)) {
      std::abort();
    }
    for (const auto& [name, value] : challenge.parameters) {
      if (name.empty() || std::any_of(name.begin(), name.end(), upper)) std::abort();
      if (value.size() > header.size()) std::abort();
    }
  }
  return 0;
}
