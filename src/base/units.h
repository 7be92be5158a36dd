#ifndef HPCC_BASE_UNITS_H_
#define HPCC_BASE_UNITS_H_

// Quantities as people write them in configuration and on command lines.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// "10G", "500M", "64k", "1.5T", "4096". Suffixes k, M, G, T are powers of 1024, as are the explicit
// Ki, Mi, Gi, Ti; a trailing B is allowed. InvalidArgument says what was expected.
absl::StatusOr<uint64_t> ParseByteSize(std::string_view text);

// "30d", "12h", "15m", "45s", "250ms", "1w". InvalidArgument says what was expected.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "1.4 GiB", "12 B": one decimal where it tells something.
std::string FormatBytes(uint64_t bytes);

// "1 h 12 min", "3.4 s", "18 ms".
std::string FormatDuration(std::chrono::nanoseconds duration);

}  // namespace hpcc

#endif  // HPCC_BASE_UNITS_H_
