// Whatever bytes come in, DecodeManifest neither crashes nor accepts what EncodeManifest would not
// have written.

#include <cstdlib>

#include "compiler/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<hpcc::SourceManifest> manifest = hpcc::DecodeManifest(bytes);
  if (!manifest.ok()) return 0;
  const absl::StatusOr<std::string> again = hpcc::EncodeManifest(*manifest);
  if (!again.ok() || *again != bytes) std::abort();
  return 0;
}
