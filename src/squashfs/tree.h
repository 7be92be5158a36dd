#ifndef HPCC_SQUASHFS_TREE_H_
#define HPCC_SQUASHFS_TREE_H_

// What a squashfs file system is to hold, but for the files' data: directories, regular files and
// symlinks. hpcc has no use for the other kinds.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hpcc {

// The data of a file: what SquashfsWriter::EndData() gave.
using SquashfsData = uint32_t;
inline constexpr SquashfsData kSquashfsNoData = 0;  // of a file of zero bytes

struct SquashfsXattr {
  std::string name;  // begins with "user.", "trusted." or "security."
  std::string value;

  friend bool operator==(const SquashfsXattr&, const SquashfsXattr&) = default;
};

struct SquashfsInode {
  enum class Kind : uint8_t { kDirectory, kFile, kSymlink };
  // Names of 1 to 255 bytes without '/' and NUL, to places in SquashfsTree::inodes. A file or link
  // may stand in many places, a directory in one.
  using Entries = std::map<std::string, uint32_t, std::less<>>;

  Kind kind = Kind::kFile;
  uint16_t mode = 0;  // permission bits, 07777 at most
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t modified = 0;                // seconds since the epoch
  SquashfsData data = kSquashfsNoData;  // kFile
  std::string target;                   // kSymlink: 1 to 65535 bytes
  std::vector<SquashfsXattr> xattrs;    // in the order they are to be listed
  std::unique_ptr<Entries> entries;     // kDirectory: never null
};

struct SquashfsTree {
  // The first is the root directory. What cannot be reached from it isn't written.
  std::vector<SquashfsInode> inodes;
};

}  // namespace hpcc

#endif  // HPCC_SQUASHFS_TREE_H_
