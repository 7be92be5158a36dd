#ifndef HPCC_WORKER_RETRY_AFTER_H_
#define HPCC_WORKER_RETRY_AFTER_H_

// A refusal that time will mend carries how much of it: RESOURCE_EXHAUSTED with a number of
// milliseconds, which goes to the client as trailing metadata of this name.

#include <chrono>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace hpcc {

inline constexpr char kRetryAfterMetadata[] = "hpcc-retry-after-ms";

absl::Status RetryLater(std::string_view message, std::chrono::milliseconds after);
std::optional<std::chrono::milliseconds> RetryAfterOf(const absl::Status& status);

}  // namespace hpcc

#endif  // HPCC_WORKER_RETRY_AFTER_H_
