#ifndef HPCC_IMAGE_TAR_ENTRY_H_
#define HPCC_IMAGE_TAR_ENTRY_H_

// One member of a tar file, whichever way its headers put it.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hpcc {

struct TarEntry {
  enum class Kind : uint8_t { kFile, kHardLink, kSymlink, kDirectory, kDevice, kFifo };

  Kind kind = Kind::kFile;
  std::string path;   // as it is spelled; without NUL, not empty
  std::string link;   // kSymlink: the target; kHardLink: a path like `path`
  uint16_t mode = 0;  // permission bits with set-uid, set-gid and sticky
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t modified = 0;  // seconds since the epoch; times outside 32 bits are the nearest within
  uint64_t size = 0;      // kFile: bytes, holes included
  std::vector<std::pair<std::string, std::string>> xattrs;  // in the order of their names

  friend bool operator==(const TarEntry&, const TarEntry&) = default;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_TAR_ENTRY_H_
