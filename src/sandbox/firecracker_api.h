#ifndef HPCC_SANDBOX_FIRECRACKER_API_H_
#define HPCC_SANDBOX_FIRECRACKER_API_H_

// The client's side of Firecracker's API: HTTP/1.1 over a Unix socket, by libcurl. Nothing the VMM
// says is believed beyond its bounds: a guest may have taken it over.

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/firecracker_requests.h"

namespace hpcc {

inline constexpr size_t kFirecrackerAnswerBytes = size_t{64} << 10;

// Thread-safe: each exchange has a connection of its own.
class FirecrackerApi {
 public:
  // `socket`: the path of the API socket, at most some 100 bytes (sockaddr_un); JailSocket's
  // reference to one is short. The socket needn't be there yet.
  explicit FirecrackerApi(std::string socket) : socket_(std::move(socket)) {}

  // The answer's body. Everything ends within `bound`. Messages name the request, and carry what
  // the VMM says is wrong ("fault_message"), on one line and cut short.
  //  - FailedPrecondition: the VMM refused it (4xx).
  //  - Internal: the VMM failed (5xx), or what answers is no HTTP server.
  //  - Unavailable: nobody listens there, or the VMM hung up.
  //  - DeadlineExceeded: not within the bound. ResourceExhausted: too long an answer.
  absl::StatusOr<std::string> Perform(const FirecrackerRequest& request,
                                      std::chrono::milliseconds bound) const;

  // "1.16.1": what the running VMM says it is.
  absl::StatusOr<std::string> Version(std::chrono::milliseconds bound) const;

 private:
  const std::string socket_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_API_H_
