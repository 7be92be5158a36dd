#ifndef HPCC_ADMIN_TIME_WORDS_H_
#define HPCC_ADMIN_TIME_WORDS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// A moment as people write it, in nanoseconds since the epoch: "2026-11-22", "2026-11-22 18:05",
// "2026-11-22T18:05:01Z" (always UTC; T or a blank, with or without Z), or a duration before
// `now_ns` ("90s", "2h", "30d"). InvalidArgument says what was expected.
absl::StatusOr<int64_t> ParseMoment(std::string_view text, int64_t now_ns);

}  // namespace hpcc

#endif  // HPCC_ADMIN_TIME_WORDS_H_
