#ifndef HPCC_CONFIG_CACHE_KEYS_H_
#define HPCC_CONFIG_CACHE_KEYS_H_

// The keys of a [[cache]] block: which there are, which go with which type of cache, and what each
// may hold. One table (cache_keys.cc): a new key is a row there.

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "config/config.h"
#include "config/config_file.h"

namespace hpcc {

// All keys of all types.
std::span<const std::string_view> CacheKeys();
bool IsCacheKey(std::string_view key);

// Unknown keys fit everywhere: they are reported as unknown.
bool CacheKeyFits(std::string_view key, CacheTier::Type type);
// "type \"s3\"", or "types \"s3\" and \"http\"".
std::string TypesWithKey(std::string_view key);

// Whether the value of the key must not be shown: `hpcc config` prints kHiddenValue in its place.
bool IsSecretKey(std::string_view key);
inline constexpr std::string_view kHiddenValue = "\"(hidden)\"";
// Whether the value is a path that is expanded.
bool IsPathKey(std::string_view key);

// What is missing from the block of a remote cache, contradicts itself, or can't be what it says.
// InvalidArgument: "<file>:<line>: <name>.<key>: <what is wrong>"; `name` is "cache[0]". No message
// holds a secret.
absl::Status CheckRemoteBlock(const CacheBlock& block, std::string_view file,
                              std::string_view name);

}  // namespace hpcc

#endif  // HPCC_CONFIG_CACHE_KEYS_H_
