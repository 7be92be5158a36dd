#ifndef HPCC_SANDBOX_QMP_CLIENT_H_
#define HPCC_SANDBOX_QMP_CLIENT_H_

// The QEMU Machine Protocol: JSON objects, a line each, over a Unix socket. QEMU greets, and
// answers each command with "return" or "error"; events come in between and are passed over.
// (QEMU's docs/interop/qmp-spec.)
//
// What QEMU says is not believed: a guest may have taken it over. A line is at most
// kMaxQmpLineBytes long, and every wait has a bound.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

inline constexpr size_t kMaxQmpLineBytes = size_t{256} << 10;

// Not thread-safe. After Unavailable or Internal the conversation is over; after DeadlineExceeded
// it goes on, as commands are numbered: what was answered too late is no other command's answer.
class QmpClient {
 public:
  explicit QmpClient(Descriptor socket) : socket_(std::move(socket)) {}

  // Takes QEMU's greeting and begins to command.
  //  - Unavailable: QEMU is gone. DeadlineExceeded: no answer within `bound`. Internal: what came
  //    is no QMP.
  absl::Status Begin(std::chrono::milliseconds bound);

  // `arguments` is a JSON object, or "". The value is what QEMU returned, as JSON. `descriptor`
  // travels along, unless it is -1 (getfd takes one). InvalidArgument: QEMU refused, with its
  // words; otherwise as Begin.
  absl::StatusOr<std::string> Execute(std::string_view command, std::string_view arguments,
                                      std::chrono::milliseconds bound, int descriptor = -1);

  // Asks `query` again and again until the "status" in its answer is `status`. FailedPrecondition:
  // it became "failed" or "cancelled".
  absl::Status AwaitStatus(std::string_view query, std::string_view status,
                           std::chrono::milliseconds bound);

 private:
  absl::StatusOr<std::string> ReadLine(std::chrono::steady_clock::time_point end);

  Descriptor socket_;
  std::string received_;
  uint64_t last_id_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QMP_CLIENT_H_
