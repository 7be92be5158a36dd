#ifndef HPCC_CONFIG_CONFIG_FILE_H_
#define HPCC_CONFIG_CONFIG_FILE_H_

// One configuration file, read and checked but not yet merged with others:
//
//   source_mode = "direct" | "preprocessed"
//   disable     = boolean
//   log_file    = path
//   [daemon]
//   use         = boolean
//   autostart   = boolean
//   memory      = size as a string, or bytes as an integer
//   [[cache]]                              # any number, at least one when there is any
//   type        = "disk"
//   location    = path
//   max_size    = size as a string, or bytes as an integer
//   compression = "zstd" | "none"
//   read_only   = boolean
//
// No other key is allowed. Paths are kept as written: what they expand to depends on more than the
// file.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/config.h"

namespace hpcc {

// A value and the line it stands on, from 1.
template <typename T>
struct Located {
  T value;
  int line = 0;
};

struct CacheBlock {
  int line = 0;
  std::optional<Located<CacheTier::Type>> type;
  std::optional<Located<std::string>> location;
  std::optional<Located<uint64_t>> max_size;
  std::optional<Located<CacheTier::Compression>> compression;
  std::optional<Located<bool>> read_only;
};

struct ConfigFile {
  std::optional<Located<SourceMode>> source_mode;
  std::optional<Located<bool>> disable;
  std::optional<Located<std::string>> log_file;
  std::optional<Located<bool>> daemon_use;
  std::optional<Located<bool>> daemon_autostart;
  std::optional<Located<uint64_t>> daemon_memory;
  std::vector<CacheBlock> cache;  // empty: the file says nothing of caches
};

// InvalidArgument: the first mistake in the file, as "<path>:<line>: <key>: <what is wrong>".
absl::StatusOr<ConfigFile> ParseConfigFile(std::string_view text, std::string_view path);

}  // namespace hpcc

#endif  // HPCC_CONFIG_CONFIG_FILE_H_
