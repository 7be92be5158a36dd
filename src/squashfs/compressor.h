#ifndef HPCC_SQUASHFS_COMPRESSOR_H_
#define HPCC_SQUASHFS_COMPRESSOR_H_

// Packs the blocks of a squashfs file one by one, as its kernel driver unpacks them: zstd frames
// (RFC 8878) or zlib streams (RFC 1950).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

enum class SquashfsCompression : uint8_t { kZstd, kGzip };

namespace squashfs {

// Not thread-safe.
class Compressor {
 public:
  virtual ~Compressor() = default;

  // `level` 0 is the default: 9 of zstd's 22, and of zlib's 9. InvalidArgument: there is no such
  // level.
  static absl::StatusOr<std::unique_ptr<Compressor>> Create(SquashfsCompression kind, int level);

  // `data` packed, valid until the next call; `data` itself where packing doesn't make it smaller.
  virtual absl::StatusOr<std::string_view> Pack(std::string_view data) = 0;

  // The superblock's number of the format, and what stands behind the superblock about it.
  virtual uint16_t id() const = 0;
  virtual std::string options() const = 0;
};

}  // namespace squashfs
}  // namespace hpcc

#endif  // HPCC_SQUASHFS_COMPRESSOR_H_
