#ifndef HPCC_SCHEDULER_SCHEDULER_CORE_H_
#define HPCC_SCHEDULER_SCHEDULER_CORE_H_

// What the scheduler does, call by call, without the network: proto/hpcc/scheduler/v1. Every
// refusal is a status for the other end, and a security event.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/key_ring.h"
#include "base/clock.h"
#include "hpcc/scheduler/v1/scheduler.pb.h"
#include "scheduler/event_sink.h"
#include "scheduler/scheduler_config.h"
#include "scheduler/session_memo.h"
#include "scheduler/tenant_directory.h"
#include "scheduler/worker_registry.h"

namespace hpcc {

// The other end of a call.
struct Caller {
  std::string_view bearer;  // what follows "Bearer " in its metadata; empty: nothing. Secret
  std::string_view peer;    // its address, as gRPC has it
};

// Thread-safe.
class SchedulerCore {
 public:
  SchedulerCore(const SchedulerConfig& config, KeyRing keys, std::string decoy_secret, Clock& clock,
                EventSink& events, KeyFetcherFactory fetcher = FetchFromProvider);

  // Takes over tenants, secrets, lifetimes and keys. Sessions, workers and routes go on; a session
  // of a tenant that is gone is refused.
  void Reload(const SchedulerConfig& config, KeyRing keys);

  scheduler::v1::GetTenantIdPResponse GetTenantIdP(
      const scheduler::v1::GetTenantIdPRequest& request) const;
  // Unauthenticated: refused; the message begins with a TokenRefusalName. Unavailable: the identity
  // provider can't be asked.
  absl::StatusOr<scheduler::v1::AuthenticateResponse> Authenticate(
      const scheduler::v1::AuthenticateRequest& request, const Caller& caller);
  // Unauthenticated: the session. PermissionDenied: not an image of this tenant. Unavailable: no
  // worker. ResourceExhausted: they are full; ask again after retry_after().
  absl::StatusOr<scheduler::v1::RouteResponse> Route(const scheduler::v1::RouteRequest& request,
                                                     const Caller& caller);

  // Unauthenticated: not a worker's secret. InvalidArgument says what is wrong.
  absl::StatusOr<scheduler::v1::RegisterWorkerResponse> RegisterWorker(
      const scheduler::v1::RegisterWorkerRequest& request, const Caller& caller);
  absl::StatusOr<scheduler::v1::HeartbeatResponse> Heartbeat(
      const scheduler::v1::HeartbeatRequest& request, const Caller& caller);
  absl::StatusOr<scheduler::v1::ReportSandboxLostResponse> ReportSandboxLost(
      const scheduler::v1::ReportSandboxLostRequest& request, const Caller& caller);

  std::chrono::milliseconds retry_after() const { return registry_.retry_after(); }

 private:
  // What a reload replaces as a whole. Immutable.
  struct Snapshot {
    std::shared_ptr<const TenantDirectory> tenants;
    KeyRing keys;
    std::vector<std::string> worker_secrets;
    std::chrono::seconds session_lifetime;
    std::chrono::milliseconds heartbeat;
    std::string configuration;  // what workers compare theirs with
  };

  std::shared_ptr<const Snapshot> snapshot() const;
  std::shared_ptr<const Snapshot> MakeSnapshot(const SchedulerConfig& config, KeyRing keys,
                                               const Snapshot* previous) const;
  int64_t NowSeconds() const { return clock_.NowNanoseconds() / 1'000'000'000; }

  absl::Status Refuse(std::string_view event, std::string_view tenant, std::string_view user,
                      const Caller& caller, absl::Status status);
  absl::StatusOr<SessionGrant> CheckSession(const Snapshot& now, const Caller& caller);
  absl::Status CheckWorker(const Snapshot& now, std::string_view worker, const Caller& caller);

  Clock& clock_;
  EventSink& events_;
  const KeyFetcherFactory fetcher_;
  const std::string name_;
  const std::string decoy_secret_;
  WorkerRegistry registry_;
  SessionMemo sessions_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_SCHEDULER_CORE_H_
