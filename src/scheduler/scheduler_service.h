#ifndef HPCC_SCHEDULER_SCHEDULER_SERVICE_H_
#define HPCC_SCHEDULER_SCHEDULER_SERVICE_H_

// SchedulerCore on the network: gRPC over TLS, with bounds on messages, threads, memory and idle
// connections.

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "auth/certificate.h"
#include "scheduler/scheduler_core.h"

namespace hpcc {

// Serves from the moment it is made until it is destroyed.
class SchedulerServer {
 public:
  // `core` outlives it. Unavailable: the address can't be listened on.
  static absl::StatusOr<std::unique_ptr<SchedulerServer>> Start(
      SchedulerCore& core, const std::string& listen, const CertificateAndKey& certificate);
  // As Stop().
  ~SchedulerServer();

  // The port that is listened on; the one that was found where 0 was asked for.
  int port() const;
  // Calls that are under way may end, for a second or so.
  void Stop();

 private:
  struct State;
  explicit SchedulerServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_SCHEDULER_SERVICE_H_
