#ifndef HPCC_SQUASHFS_FORMAT_H_
#define HPCC_SQUASHFS_FORMAT_H_

// Squashfs 4.0 on disk, as far as this room writes it; all numbers little-endian. Sources: the
// kernel's Documentation/filesystems/squashfs.rst and https://dr-emann.github.io/squashfs/.
//
//   file      := superblock options? block* inodes directories table(fragments) table(export)
//                table(ids) xattrs? padding          block: of data or of a fragment
//   inodes, directories := metadata*
//   metadata  := u16 size (bit 15: stored as it is), that many bytes; 8 KiB when unpacked, but for
//                the last one of a table
//   table(x)  := metadata* of x's entries, then u64 place of each of these; the superblock names
//                the place of the latter
//   xattrs    := metadata* of pairs, then table(sets) whose list of places has a header
//   block     := up to 128 KiB packed by itself, or as it is: who refers to it says which
//   padding   := zeros up to a multiple of 4 KiB; not counted in the superblock

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcc::squashfs {

inline constexpr uint32_t kMagic = 0x73717368;
inline constexpr size_t kSuperblockSize = 96;
inline constexpr uint32_t kBlockLog = 17;
inline constexpr size_t kBlockSize = size_t{1} << kBlockLog;
inline constexpr size_t kMetadataSize = 8192;
inline constexpr size_t kPadding = 4096;

// Of a block's size, where it is referred to.
inline constexpr uint32_t kStoredBlock = uint32_t{1} << 24;
// Of a metadata block's size.
inline constexpr uint16_t kStoredMetadata = 0x8000;
inline constexpr uint32_t kNone = 0xffffffff;       // fragment, xattr set
inline constexpr uint64_t kNoTable = ~uint64_t{0};  // place of a table that isn't there

enum Flag : uint16_t {
  kDuplicatesChecked = 0x0040,
  kExportable = 0x0080,
  kNoXattrs = 0x0200,
  kCompressorOptions = 0x0400,
};

enum InodeType : uint16_t {
  kDirectoryType = 1,
  kFileType = 2,
  kSymlinkType = 3,
  kExtendedDirectoryType = 8,
  kExtendedFileType = 9,
  kExtendedSymlinkType = 10,
};

// Appends the number's bytes, lowest first.
template <typename T>
void Put(std::string* out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_FORMAT_H_
