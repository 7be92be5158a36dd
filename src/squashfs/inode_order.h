#ifndef HPCC_SQUASHFS_INODE_ORDER_H_
#define HPCC_SQUASHFS_INODE_ORDER_H_

// In which order a tree's inodes are written, and what each needs to know of the others: a
// directory comes behind all that is in it, the root last.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "squashfs/tree.h"

namespace hpcc::squashfs {

struct InodeOrder {
  std::vector<uint32_t> inodes;   // places in the tree
  std::vector<uint32_t> numbers;  // by place: its place in `inodes` and one; 0: unreachable
  std::vector<uint32_t> links;    // by place: names that lead to it, and of a directory its dots'
  std::vector<uint32_t> parents;  // by place of a directory: the directory it is in
};

// InvalidArgument: the tree isn't one (squashfs/tree.h says what one is).
absl::StatusOr<InodeOrder> OrderInodes(const SquashfsTree& tree);

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_INODE_ORDER_H_
