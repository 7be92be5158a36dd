#include "worker/retry_after.h"

#include <charconv>
#include <string>

#include "absl/strings/cord.h"
#include "base/strings.h"

namespace hpcc {

absl::Status RetryLater(std::string_view message, std::chrono::milliseconds after) {
  absl::Status status = absl::ResourceExhaustedError(StrCat(message));
  status.SetPayload(kRetryAfterMetadata, absl::Cord(StrCat(after.count())));
  return status;
}

std::optional<std::chrono::milliseconds> RetryAfterOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryAfterMetadata);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return std::chrono::milliseconds(count);
}

}  // namespace hpcc
