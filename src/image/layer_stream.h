#ifndef HPCC_IMAGE_LAYER_STREAM_H_
#define HPCC_IMAGE_LAYER_STREAM_H_

// The bytes of the tar in a layer: unpacked as they are read, and both they and the file's own
// hashed on the way. gzip (RFC 1952, any number of members), zstd (RFC 8878, any number of frames,
// windows up to 128 MiB) or plain, as the first bytes say.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "image/layer_decoder.h"
#include "image/oci_digest.h"
#include "image/tar_source.h"

namespace hpcc {

struct LayerStreamLimits {
  uint64_t tar_bytes = 0;
  uint64_t expansion = 0;  // tar bytes per byte read, beyond kExpansionFree
};
inline constexpr uint64_t kExpansionFree = uint64_t{64} << 20;  // tar bytes

// Not thread-safe.
class LayerStream final : public TarSource {
 public:
  // `on_read` is told how many bytes were read of the file; an error of it is the reader's.
  LayerStream(std::unique_ptr<File> file, const LayerStreamLimits& limits,
              std::function<absl::Status(uint64_t)> on_read);

  // DataLoss: the file is cut short or no stream of its kind. ResourceExhausted: a limit.
  // FailedPrecondition: a compression that isn't read here.
  absl::StatusOr<std::string_view> Next(size_t most) override;
  // Reads what is left.
  absl::Status Drain();

  // For a stream that is read to its end: "sha256:…" of the file, and of the tar.
  std::string FinishFileDigest() { return file_hasher_.Finish(); }
  std::string FinishTarDigest() { return tar_hasher_.Finish(); }

  // Of the tar, so far.
  uint64_t tar_bytes() const { return tar_bytes_; }

 private:
  absl::Status ReadFile();
  absl::Status Unpack();
  absl::Status CheckLimits() const;

  const std::unique_ptr<File> file_;
  const LayerStreamLimits limits_;
  const std::function<absl::Status(uint64_t)> on_read_;
  std::unique_ptr<LayerDecoder> decoder_;
  OciHasher file_hasher_;
  OciHasher tar_hasher_;
  std::string packed_;
  size_t packed_used_ = 0;
  uint64_t file_bytes_ = 0;
  bool file_ended_ = false;
  std::string tar_;
  std::string_view ready_;
  uint64_t tar_bytes_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_LAYER_STREAM_H_
