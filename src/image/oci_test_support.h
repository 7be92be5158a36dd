#ifndef HPCC_IMAGE_OCI_TEST_SUPPORT_H_
#define HPCC_IMAGE_OCI_TEST_SUPPORT_H_

// A directory for a test, and images made of a few bytes.

#include <stdlib.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/strings.h"
#include "image/oci_digest.h"
#include "image/oci_manifest.h"

namespace hpcc {

class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "hpcc-image-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return StrCat(path_, "/", name); }

 private:
  std::string path_;
};

// All blobs of some images, by digest.
class TestImages {
 public:
  OciDescriptor Add(std::string_view media_type, const std::string& bytes) {
    OciDescriptor descriptor{std::string(media_type), OciDigestOf(bytes), bytes.size(),
                             std::nullopt, ""};
    blobs_[descriptor.digest] = bytes;
    return descriptor;
  }

  // An image whose layers are these bytes. They are no tar files: nothing here looks inside.
  OciDescriptor AddImage(const std::vector<std::string>& layers,
                         const Platform& platform = Platform()) {
    OciManifest manifest;
    std::string diff_ids;
    for (const std::string& layer : layers) {
      manifest.layers.push_back(Add(StrCat(kOciLayerType, "+gzip"), layer));
      StrAppend(&diff_ids, diff_ids.empty() ? "\"" : ",\"", OciDigestOf(layer), "\"");
    }
    manifest.config =
        Add(kOciConfigType,
            StrCat("{\"os\":\"", platform.os, "\",\"architecture\":\"", platform.architecture,
                   "\",\"rootfs\":{\"type\":\"layers\",", "\"diff_ids\":[", diff_ids, "]}}"));
    OciDescriptor descriptor = Add(kOciManifestType, OciManifestText(manifest));
    descriptor.platform = platform;
    return descriptor;
  }

  OciDescriptor AddIndex(const std::vector<OciDescriptor>& manifests) {
    return Add(kOciIndexType, OciIndexText({manifests}));
  }

  const std::map<std::string, std::string>& blobs() const { return blobs_; }
  std::map<std::string, std::string>& blobs() { return blobs_; }

 private:
  std::map<std::string, std::string> blobs_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_OCI_TEST_SUPPORT_H_
