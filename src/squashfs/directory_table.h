#ifndef HPCC_SQUASHFS_DIRECTORY_TABLE_H_
#define HPCC_SQUASHFS_DIRECTORY_TABLE_H_

// The directories' lists of entries, in the order of their names as bytes:
//
//   list   := run*
//   run    := u32 entries less one, u32 block of their inodes, u32 an inode's number, entry*
//   entry  := u16 offset of the inode in its block, i16 its number less that of the run, u16 type,
//             u16 size of the name less one, the name
//
// A run has 256 entries at most and ends with the metadata block it reaches. The index of a long
// list names, for each metadata block that begins within it, the first run that begins there.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "squashfs/metadata.h"

namespace hpcc::squashfs {

struct DirectoryEntry {
  std::string_view name;
  uint64_t inode;  // its reference in the inode table
  uint32_t number;
  uint16_t type;  // never an extended one
};

struct DirectoryList {
  uint64_t reference;  // in the directory table
  uint32_t size;       // bytes
  std::string index;   // as it stands in the inode
  uint16_t index_entries = 0;
};

// Not thread-safe.
class DirectoryTable {
 public:
  explicit DirectoryTable(Compressor& compressor) : metadata_(compressor) {}

  // `entries` in order. ResourceExhausted: more than a directory can have.
  absl::StatusOr<DirectoryList> Add(const std::vector<DirectoryEntry>& entries);
  absl::StatusOr<std::string> Finish() { return metadata_.Finish(); }

 private:
  // How many of `entries`, of which the first is at `from`, the run that begins now takes.
  size_t RunLength(const std::vector<DirectoryEntry>& entries, size_t from) const;

  MetadataWriter metadata_;
};

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_DIRECTORY_TABLE_H_
