#ifndef HPCC_IMAGE_TAR_PAX_H_
#define HPCC_IMAGE_TAR_PAX_H_

// The records of a PAX extended header (POSIX.1-2017, pax, "pax Extended Header"), with those that
// GNU tar and star add: sparse files, extended attributes. All others are passed over.
//
//   record = length " " key "=" value "\n"    length: decimal, of the whole record

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/tar_header.h"

namespace hpcc {

struct PaxRecords {
  std::optional<std::string> path;
  std::optional<std::string> link;
  std::optional<uint64_t> size;
  std::optional<uint64_t> uid;
  std::optional<uint64_t> gid;
  std::optional<uint64_t> modified;           // whole seconds, 0 for times before 1970
  std::map<std::string, std::string> xattrs;  // SCHILY.xattr.*

  // GNU.sparse.*: versions 0.0 and 0.1 have the map here, 1.0 in front of the data.
  std::optional<std::string> sparse_name;
  std::optional<uint64_t> sparse_size;
  std::optional<uint64_t> sparse_major;
  std::optional<uint64_t> sparse_minor;
  bool sparse_map_seen = false;
  std::vector<TarExtent> sparse_map;
};

// InvalidArgument names the record that is malformed.
absl::StatusOr<PaxRecords> ParsePaxRecords(std::string_view data);

// Decimal digits alone; nullopt for anything else, and for more than 63 bits.
std::optional<uint64_t> ParseTarDecimal(std::string_view digits);

}  // namespace hpcc

#endif  // HPCC_IMAGE_TAR_PAX_H_
