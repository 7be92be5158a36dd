#ifndef HPCC_IMAGE_LAYER_DECODER_H_
#define HPCC_IMAGE_LAYER_DECODER_H_

// Unpacks a stream that comes in pieces, into pieces.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// Not thread-safe.
class LayerDecoder {
 public:
  virtual ~LayerDecoder() = default;

  // The one that a stream of such first bytes (4 of them, if it has as many) needs.
  // FailedPrecondition names a compression that isn't read here.
  static absl::StatusOr<std::unique_ptr<LayerDecoder>> ForBeginning(std::string_view bytes);

  struct Step {
    size_t taken = 0;  // of what went in
    size_t made = 0;   // of the room that was there
  };
  // DataLoss: the stream is none of its kind, or an unpacked piece isn't what its check sum says.
  virtual absl::StatusOr<Step> Unpack(std::string_view in, char* out, size_t room) = 0;

  // Whether the stream may end here.
  virtual bool complete() const = 0;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_LAYER_DECODER_H_
