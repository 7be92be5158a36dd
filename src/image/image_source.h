#ifndef HPCC_IMAGE_IMAGE_SOURCE_H_
#define HPCC_IMAGE_IMAGE_SOURCE_H_

// Where one image is got from: a registry, an OCI layout, a docker archive.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/oci_manifest.h"

namespace hpcc {

struct ManifestDocument {
  std::string media_type;  // one of the four of oci_manifest.h
  std::string text;        // at most kMaxOciManifestBytes
};

// Takes the next bytes of a blob. An error ends the reading, and is what ReadBlob returns.
using BlobSink = std::function<absl::Status(std::string_view piece)>;

// Thread-safe. What comes from it is not verified: PullImage() does that.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  // For messages: "ghcr.io/x/y", "oci:/path".
  virtual std::string Name() const = 0;

  // The document the image's name leads to. NotFound: there is none of this name.
  virtual absl::StatusOr<ManifestDocument> TopManifest() = 0;
  // One that an index names.
  virtual absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor& descriptor) = 0;

  // Gives the bytes of a blob from `offset` (less than its size) on, at most as many as the
  // descriptor says. May end before that without an error: the caller counts.
  // Unavailable, DeadlineExceeded, DataLoss: asking again for the rest may help.
  virtual absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                                const BlobSink& sink) = 0;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_IMAGE_SOURCE_H_
