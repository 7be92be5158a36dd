#ifndef HPCC_IMAGE_IMAGE_PULL_H_
#define HPCC_IMAGE_IMAGE_PULL_H_

// Gets an image from wherever it is into the store, verified.

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "image/image_source.h"
#include "image/image_store.h"
#include "image/reference.h"

namespace hpcc {

struct PullOptions {
  Platform platform;
  size_t parallel = 4;                            // blobs at once
  uint64_t max_image_bytes = uint64_t{64} << 30;  // of all blobs, as they are transferred
  // How often a blob is asked for again without one more byte having come.
  int attempts = 5;
  std::chrono::milliseconds patience{3'600'000};  // with another that fetches the same blob
  std::chrono::milliseconds first_pause{200};     // before asking again; doubles, up to 30 times it
  // Bytes there are and bytes there will be. From several threads, one at a time.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct PulledImage {
  StoredImage image;
  uint64_t fetched_bytes = 0;  // of blobs that were not there before
};

// `reference` names the image in the store; its digest, when it has one, must be that of what the
// source's name leads to. Every document and blob is verified by digest and size. What came before
// an error stays in the store's partial/, for the next time.
//
// DataLoss: a digest or size is another; the message names it and the source. InvalidArgument: a
// document breaks a rule. NotFound: no such image, or none for this platform. ResourceExhausted: a
// limit of oci_manifest.h or of `options`, or the disk is full. Else as of the source.
absl::StatusOr<PulledImage> PullImage(ImageSource& source, ImageStore& store,
                                      const ImageReference& reference, const PullOptions& options,
                                      Clock& clock);

}  // namespace hpcc

#endif  // HPCC_IMAGE_IMAGE_PULL_H_
