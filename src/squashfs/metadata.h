#ifndef HPCC_SQUASHFS_METADATA_H_
#define HPCC_SQUASHFS_METADATA_H_

// Metadata blocks and the tables made of them (squashfs/format.h), in memory until they are whole.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "squashfs/compressor.h"

namespace hpcc::squashfs {

// Not thread-safe.
class MetadataWriter {
 public:
  // `compressor` outlives this.
  explicit MetadataWriter(Compressor& compressor) : compressor_(compressor) {}

  // May cross the end of a block.
  absl::Status Append(std::string_view data);
  // Where the next byte will be: the start of its block, packed, from the table's beginning; and
  // its offset in the block, unpacked.
  uint64_t block() const { return packed_.size(); }
  uint16_t offset() const { return static_cast<uint16_t>(pending_.size()); }
  // Both, as an inode or a set of attributes is referred to.
  uint64_t reference() const { return block() << 16 | offset(); }

  // Packs the last block. Nothing may be appended afterwards.
  absl::StatusOr<std::string> Finish();

 private:
  absl::Status PackPending();

  Compressor& compressor_;
  std::string pending_;
  std::string packed_;
};

// The metadata blocks of `entries`, whose size is a multiple of their own, and the places of these
// blocks. `position` is where in the file the answer will stand.
struct LookupTable {
  std::string blocks;
  std::string places;
};
absl::StatusOr<LookupTable> MakeLookupTable(std::string_view entries, uint64_t position,
                                            Compressor& compressor);

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_METADATA_H_
