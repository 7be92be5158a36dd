// Whatever a registry sends, the readers of manifests, indexes and configurations keep their limits
// and hand on nothing but digests of the form that makes a file's name.

#include <cstdlib>

#include "image/oci_digest.h"
#include "image/oci_manifest.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckDescriptor(const hpcc::OciDescriptor& descriptor) {
  Check(hpcc::IsOciDigest(descriptor.digest) && !descriptor.media_type.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto type = hpcc::ManifestTypeOf("", text); type.ok()) {
    Check(hpcc::IsManifestType(*type) || hpcc::IsIndexType(*type));
  }
  if (const auto manifest = hpcc::ParseOciManifest(text); manifest.ok()) {
    Check(manifest->layers.size() <= hpcc::kMaxImageLayers);
    CheckDescriptor(manifest->config);
    for (const hpcc::OciDescriptor& layer : manifest->layers) CheckDescriptor(layer);
    const auto again = hpcc::ParseOciManifest(hpcc::OciManifestText(*manifest));
    Check(again.ok() && again->layers.size() == manifest->layers.size());
  }
  if (const auto index = hpcc::ParseOciIndex(text); index.ok()) {
    Check(index->manifests.size() <= hpcc::kMaxIndexManifests);
    for (const hpcc::OciDescriptor& entry : index->manifests) CheckDescriptor(entry);
    hpcc::ChooseManifest(*index, hpcc::Platform()).status().IgnoreError();
  }
  if (const auto config = hpcc::ParseOciConfig(text); config.ok()) {
    for (const std::string& diff_id : config->diff_ids) Check(hpcc::IsOciDigest(diff_id));
  }
  return 0;
}
