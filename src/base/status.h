#ifndef HPCC_BASE_STATUS_H_
#define HPCC_BASE_STATUS_H_

// Errors are values: absl::Status and absl::StatusOr everywhere between our own interfaces. These
// macros keep the happy path readable.

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

// A status for `errno_value`, worded "<operation> <subject>: <strerror>". The canonical code keeps
// the distinctions callers act on: NotFound, PermissionDenied, AlreadyExists, ResourceExhausted.
absl::Status ErrnoStatus(int errno_value, std::string_view operation, std::string_view subject);

}  // namespace hpcc

#define HPCC_CONCAT_INNER(a, b) a##b
#define HPCC_CONCAT(a, b) HPCC_CONCAT_INNER(a, b)

#define HPCC_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                  \
    if (absl::Status hpcc_status = (expression); !hpcc_status.ok()) return hpcc_status; \
  } while (false)

#define HPCC_ASSIGN_OR_RETURN(target, expression) \
  HPCC_ASSIGN_OR_RETURN_INNER(HPCC_CONCAT(hpcc_status_or_, __LINE__), target, expression)

#define HPCC_ASSIGN_OR_RETURN_INNER(temporary, target, expression) \
  auto temporary = (expression);                                   \
  if (!temporary.ok()) return std::move(temporary).status();       \
  target = std::move(temporary).value()

#endif  // HPCC_BASE_STATUS_H_
