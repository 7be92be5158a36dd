// Any bytes are read or refused as a key set; each key of one that was read is for one algorithm
// and can be asked to verify anything.

#include <cstdlib>

#include "auth/jwks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hpcc;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<KeySet> set = ParseJwks(text);
  if (!set.ok()) return 0;
  if (set->keys().size() > kMaxJwksKeys) std::abort();
  for (const VerifyKey& key : set->keys()) {
    if (key.key_id().size() > kMaxKeyIdBytes) std::abort();
    if (!key.key_id().empty() && set->Find(key.key_id(), key.algorithm()) == nullptr) std::abort();
    if (key.Verify("message", text.substr(0, 64))) std::abort();
  }
  return 0;
}
