#ifndef HPCC_WORKER_WORKER_SERVER_H_
#define HPCC_WORKER_WORKER_SERVER_H_

// A worker that serves: everything between a configuration, a sandbox runtime and a port.

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/certificate.h"
#include "base/environment.h"
#include "sandbox/runtime.h"
#include "worker/operator_server.h"
#include "worker/worker_config.h"
#include "worker/worker_service.h"

namespace hpcc {

class WorkerServer {
 public:
  struct Parts {
    Runtime* runtime = nullptr;
    std::vector<std::string> image_directories;  // of `host`; none: there is no such image
    WorkerImages* images = nullptr;              // others; null: there are none
    std::string agent;                           // file of hpcc-agent, where there are images
    CertificateAndKey certificate;
    SandboxPool::OnLost on_lost;
    Environment environment;  // of the program: how the shared cache is reached
    FileSystem* fs = nullptr;
    Clock* clock = nullptr;
  };

  // Opens the state, binds the port and serves; until SetKeys() every call is told that there is no
  // scheduler yet. Unavailable: the port can't be bound.
  static absl::StatusOr<std::unique_ptr<WorkerServer>> Start(const WorkerConfig& config,
                                                             const Parts& parts);
  ~WorkerServer();  // as Stop() with no time

  // "host:port", with the port that was bound.
  const std::string& address() const { return address_; }
  const WorkerConfig& config() const { return config_; }
  CallerCheck& callers() { return *callers_; }
  Tenants& tenants() { return *tenants_; }
  JobRunner& jobs() { return *jobs_; }
  SandboxPool& pool() { return *pool_; }
  SecurityEvents& events() { return *events_; }

  // Takes no new calls; what is under way gets this long. Results that wait to be shared get
  // another few seconds.
  void Stop(std::chrono::milliseconds patience);

 private:
  explicit WorkerServer(const WorkerConfig& config) : config_(config) {}
  absl::Status Open(const Parts& parts);
  absl::Status OpenSharedResults(const Parts& parts);
  absl::Status Listen(const CertificateAndKey& certificate);

  const WorkerConfig config_;
  std::string address_;
  // In the order they need each other.
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<SecurityEvents> events_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<HostToolchains> image_;
  std::unique_ptr<ImageToolchains> toolchains_;
  std::unique_ptr<SandboxPool> pool_;
  std::unique_ptr<CallerCheck> callers_;
  std::unique_ptr<SharedResults> shared_;  // null: nothing is shared
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<OperatorCommands> operator_commands_;
  std::unique_ptr<OperatorServer> operators_;
  std::unique_ptr<CallTimers> timers_;
  std::unique_ptr<WorkerService> service_;
  std::unique_ptr<ProbeCalls> probes_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_SERVER_H_
