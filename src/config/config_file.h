#ifndef HPCC_CONFIG_CONFIG_FILE_H_
#define HPCC_CONFIG_CONFIG_FILE_H_

// One configuration file, read and checked but not yet merged with others:
//
//   source_mode = "direct" | "preprocessed"
//   disable     = boolean
//   log_file    = path
//   paranoid    = boolean
//   [daemon]
//   use         = boolean
//   autostart   = boolean
//   memory      = size as a string, or bytes as an integer
//   [[cache]]                              # any number, at least one when there is any
//   type        = "disk" | "s3" | "http"
//   max_size    = size as a string, or bytes as an integer
//   read_only   = boolean
//                                          # of a disk
//   location    = path
//   compression = "zstd" | "none"
//                                          # of s3 and http; all text unless told otherwise
//   namespace, ca_file = path
//   bucket, region, endpoint, access_key, secret_key, auto_create = boolean             # of s3
//   url, username, password, password_file = path,                                      # of http
//   bearer_token, bearer_token_file = path
//   [signing]
//   key_file     = path
//   trusted_keys = array of text
//   [remote]
//   use         = boolean
//   scheduler, tenant, image, username = text
//   grant       = "password" | "device" | "client-credentials"
//   ca_file, password_file, client_secret_file = path
//
// No other key is allowed. Paths are kept as written: what they expand to depends on more than the
// file.

#include <cstdint>
#include <map>
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
  std::optional<Located<uint64_t>> max_size;
  std::optional<Located<CacheTier::Compression>> compression;
  std::optional<Located<bool>> read_only;
  std::optional<Located<bool>> auto_create;
  // By key: those whose value is text or a path.
  std::map<std::string, Located<std::string>, std::less<>> texts;

  // The text of `key`, or null.
  const Located<std::string>* Text(std::string_view key) const {
    const auto found = texts.find(key);
    return found == texts.end() ? nullptr : &found->second;
  }
};

struct RemoteBlock {
  std::optional<Located<bool>> use;
  std::map<std::string, Located<std::string>, std::less<>> texts;  // all other keys
};

struct ConfigFile {
  std::optional<Located<SourceMode>> source_mode;
  std::optional<Located<bool>> disable;
  std::optional<Located<std::string>> log_file;
  std::optional<Located<bool>> paranoid;
  std::optional<Located<bool>> daemon_use;
  std::optional<Located<bool>> daemon_autostart;
  std::optional<Located<uint64_t>> daemon_memory;
  std::optional<Located<std::string>> signing_key_file;
  std::optional<Located<std::vector<std::string>>> signing_trusted_keys;
  RemoteBlock remote;
  std::vector<CacheBlock> cache;  // empty: the file says nothing of caches
};

// InvalidArgument: the first mistake in the file, as "<path>:<line>: <key>: <what is wrong>".
absl::StatusOr<ConfigFile> ParseConfigFile(std::string_view text, std::string_view path);

}  // namespace hpcc

#endif  // HPCC_CONFIG_CONFIG_FILE_H_
