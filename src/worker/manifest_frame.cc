#include "worker/manifest_frame.h"

#include <zstd.h>

#include "compiler/manifest.h"

namespace hpcc {

absl::StatusOr<std::string> ExpandManifest(std::string_view frame) {
  const auto malformed = [] {
    return absl::InvalidArgumentError("manifest: no zstd frame of a manifest's size");
  };
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
      size > kMaxManifestBytes) {
    return malformed();
  }
  std::string manifest(size, '\0');
  const size_t expanded =
      ZSTD_decompress(manifest.data(), manifest.size(), frame.data(), frame.size());
  if (ZSTD_isError(expanded) != 0 || expanded != size) return malformed();
  return manifest;
}

}  // namespace hpcc
