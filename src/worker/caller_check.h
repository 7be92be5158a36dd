#ifndef HPCC_WORKER_CALLER_CHECK_H_
#define HPCC_WORKER_CALLER_CHECK_H_

// Who calls: the routing token of a request, checked against the scheduler's keys. Checking a
// signature takes longer than a probe, and a client sends the same token for five minutes, so
// tokens that were good are remembered by their digest until they expire or the keys change.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "auth/routing_token.h"
#include "base/clock.h"
#include "base/digest.h"
#include "telemetry/security_events.h"
#include "worker/job_runner.h"

namespace hpcc {

// Thread-safe.
class CallerCheck {
 public:
  // `worker` is this worker's name. Clock and events outlive the object.
  CallerCheck(std::string worker, Clock& clock, SecurityEvents& events);

  // Takes the scheduler's keys, a JWKS document. InvalidArgument: it is none; the old ones stay.
  absl::Status SetKeys(std::string_view jwks);

  // `authorization` is the value of the request's metadata of that name, "" when it has none.
  // Unauthenticated: no token, or not a good one for this worker; Unavailable: no keys yet.
  absl::StatusOr<Caller> Check(std::string_view authorization, std::string_view peer);

 private:
  static constexpr size_t kMaxKnown = 8192;

  const std::string worker_;
  Clock& clock_;
  SecurityEvents& events_;
  std::mutex mutex_;
  std::string jwks_;
  std::shared_ptr<const KeySet> keys_;
  absl::flat_hash_map<Digest, std::shared_ptr<const RoutingGrant>> known_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_CALLER_CHECK_H_
