// Whatever comes in as a docker archive: what is opened has a manifest that is read like a
// registry's, and its blobs are of the sizes it gives.

#include <cstdlib>

#include "base/file_system.h"
#include "image/docker_archive.h"
#include "image/fuzz_file.h"
#include "image/oci_manifest.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void ReadAll(hpcc::ImageSource& image, const hpcc::OciDescriptor& blob) {
  uint64_t size = 0;
  const absl::Status status = image.ReadBlob(blob, 0, [&](std::string_view piece) {
    size += piece.size();
    return absl::OkStatus();
  });
  if (status.ok()) Check(size == blob.size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const hpcc::FuzzFile file({reinterpret_cast<const char*>(bytes), size});
  const auto image = hpcc::OpenDockerArchive(hpcc::FileSystem::Real(), file.path(), {});
  if (!image.ok()) return 0;
  const auto document = (*image)->TopManifest();
  Check(document.ok());
  const auto manifest = hpcc::ParseOciManifest(document->text);
  Check(manifest.ok());
  ReadAll(**image, manifest->config);
  for (const hpcc::OciDescriptor& layer : manifest->layers) ReadAll(**image, layer);
  return 0;
}
