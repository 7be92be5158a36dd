#ifndef HPCC_SQUASHFS_TREE_TABLES_H_
#define HPCC_SQUASHFS_TREE_TABLES_H_

// The tables that a tree is: inodes, lists of directories, user and group ids, attributes, and
// where each inode is.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "squashfs/data_writer.h"
#include "squashfs/directory_table.h"
#include "squashfs/inode_order.h"
#include "squashfs/metadata.h"
#include "squashfs/tree.h"
#include "squashfs/xattr_table.h"

namespace hpcc::squashfs {

// Not thread-safe.
class TreeTables {
 public:
  // All outlive this.
  TreeTables(const SquashfsTree& tree, const std::vector<StoredFile>& files,
             Compressor& compressor);

  // Makes the tables, which are read afterwards. InvalidArgument: tree or attributes aren't what
  // squashfs can hold. ResourceExhausted: more than 65535 different ids, or a directory too large.
  absl::Status Make();

  const std::string& inodes() const { return inode_bytes_; }
  const std::string& directories() const { return directory_bytes_; }
  const std::string& ids() const { return ids_; }                // four bytes each
  const std::string& references() const { return references_; }  // eight, by an inode's number
  XattrTable& xattrs() { return xattrs_; }
  uint64_t root() const { return root_; }

 private:
  absl::Status AddInode(uint32_t place);
  absl::StatusOr<std::string> MakeInode(uint32_t place);
  absl::StatusOr<std::string> MakeDirectory(uint32_t place, uint32_t xattrs);
  absl::StatusOr<std::string> MakeFile(uint32_t place, uint32_t xattrs);
  std::string MakeSymlink(uint32_t place, uint32_t xattrs);
  absl::Status AppendHeader(uint32_t place, uint16_t type, std::string* out);
  absl::StatusOr<uint16_t> IdNumber(uint32_t id);
  uint64_t ReferenceOf(uint32_t place) const;

  const SquashfsTree& tree_;
  const std::vector<StoredFile>& files_;
  MetadataWriter inodes_;
  DirectoryTable directories_;
  XattrTable xattrs_;
  InodeOrder order_;
  std::vector<uint64_t> places_;  // references, by an inode's number less one
  absl::flat_hash_map<uint32_t, uint16_t> id_numbers_;
  std::string inode_bytes_;
  std::string directory_bytes_;
  std::string ids_;
  std::string references_;
  uint64_t root_ = 0;
};

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_TREE_TABLES_H_
