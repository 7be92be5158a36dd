#ifndef HPCC_SQUASHFS_XATTR_TABLE_H_
#define HPCC_SQUASHFS_XATTR_TABLE_H_

// The extended attributes of all inodes: each set once, whoever has it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "squashfs/metadata.h"
#include "squashfs/tree.h"

namespace hpcc::squashfs {

// Not thread-safe.
class XattrTable {
 public:
  explicit XattrTable(Compressor& compressor) : compressor_(compressor), pairs_(compressor) {}

  // The number of the set, kNone for an empty one. InvalidArgument: a name or a size that squashfs
  // has no place for.
  absl::StatusOr<uint32_t> Add(const std::vector<SquashfsXattr>& xattrs);

  bool empty() const { return sets_.empty(); }

  struct Finished {
    std::string bytes;
    uint64_t header;  // where in the file the superblock's xattr table is
  };
  // For a table that isn't empty and will stand at `position` of the file.
  absl::StatusOr<Finished> Finish(uint64_t position);

 private:
  Compressor& compressor_;
  MetadataWriter pairs_;
  std::string sets_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;  // of sets, by their pairs as written
};

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_XATTR_TABLE_H_
