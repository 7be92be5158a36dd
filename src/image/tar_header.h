#ifndef HPCC_IMAGE_TAR_HEADER_H_
#define HPCC_IMAGE_TAR_HEADER_H_

// A header block of a tar file: 512 bytes, as POSIX.1-2017 (pax, "ustar Interchange Format") has
// it, with what GNU tar puts in other places (https://www.gnu.org/software/tar/manual/, "Basic Tar
// Format" and "The Sparse Formats"): numbers in base 256, and old sparse files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hpcc {

inline constexpr size_t kTarBlock = 512;

// Bytes of a file that are stored; what lies between is zeros.
struct TarExtent {
  uint64_t offset = 0;
  uint64_t size = 0;

  friend bool operator==(const TarExtent&, const TarExtent&) = default;
};

struct TarHeader {
  char type = '0';
  std::string name;
  std::string link;
  uint64_t mode = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  uint64_t size = 0;      // bytes that follow
  uint64_t modified = 0;  // 0 for times before 1970

  // Of type 'S' only.
  std::vector<TarExtent> extents;
  uint64_t real_size = 0;
  bool more_extents = false;  // a block of extents follows
};

// nullopt for a block of zeros. InvalidArgument names the field that is malformed.
absl::StatusOr<std::optional<TarHeader>> ParseTarHeader(std::string_view block);

// A block of further extents of an old sparse file; whether another follows.
absl::StatusOr<bool> ParseTarExtents(std::string_view block, std::vector<TarExtent>* extents);

}  // namespace hpcc

#endif  // HPCC_IMAGE_TAR_HEADER_H_
