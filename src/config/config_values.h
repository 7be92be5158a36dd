#ifndef HPCC_CONFIG_CONFIG_VALUES_H_
#define HPCC_CONFIG_CONFIG_VALUES_H_

// What single values mean, the same whether a file or a variable holds them, and how they are
// written back. Errors are InvalidArgument and say what to write; the caller adds where it stands.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"

namespace hpcc {

absl::StatusOr<SourceMode> ParseSourceMode(std::string_view text);
absl::StatusOr<CacheTier::Type> ParseCacheType(std::string_view text);
absl::StatusOr<RemoteSettings::Grant> ParseRemoteGrant(std::string_view text);
absl::StatusOr<CacheTier::Compression> ParseCompression(std::string_view text);

// Of a variable: 1, true, yes, on; 0, false, no, off and nothing at all; in either case.
absl::StatusOr<bool> ParseSwitch(std::string_view text);

// Replaces a leading "~/" by the home directory and each "${NAME}" by the variable, and drops
// slashes at the end. The result must be an absolute path without control characters.
absl::StatusOr<std::string> ExpandPath(std::string_view text, FileSystem& fs,
                                       const Environment& environment);

// As TOML has them.
std::string TomlString(std::string_view value);
std::string TomlBool(bool value);
// "\"10G\"" for whole multiples, else the number of bytes.
std::string TomlSize(uint64_t bytes);

}  // namespace hpcc

#endif  // HPCC_CONFIG_CONFIG_VALUES_H_
