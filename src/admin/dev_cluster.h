#ifndef HPCC_ADMIN_DEV_CLUSTER_H_
#define HPCC_ADMIN_DEV_CLUSTER_H_

// Everything remote compiles need, on this machine and for development only: an identity provider
// with one user, a scheduler with one tenant or more, a worker with the `process` sandbox and the
// image `host`. All listen on loopback addresses. In the folder it is given:
//
//   client.toml      for HPCC_CONFIG: where the scheduler is, and how to log in; client2.toml for
//                    the second tenant, and so on
//   password         of the user; worker-secret: what the worker shows the scheduler
//   scheduler.toml, scheduler.log, scheduler/    configuration, output, state
//   worker.toml, worker.log, worker/             the same; worker/audit.db is the audit log
//   cache/           the client's own cache; cache2/ of the second tenant's, and so on
//
// State lasts from one run to the next; ports, password and secrets are new each time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "admin/dev_identity_provider.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/supervised_process.h"

namespace hpcc {

inline constexpr std::string_view kDevTenant = "dev";  // the others: "dev2", "dev3"
inline constexpr int kMaxDevTenants = 9;
inline constexpr std::string_view kDevUser = "developer";

// Not thread-safe.
class DevCluster {
 public:
  struct Options {
    std::string directory;  // absolute; made if there is none
    int tenants = 1;        // 1 to kMaxDevTenants
    std::string programs;   // the folder hpcc-scheduler and hpcc-worker stand in
  };

  // Returns when a client could compile. Ends early with Cancelled when one of the ending signals
  // (base/signals.h; blocked by the caller) comes. An error says which program's log to read.
  static absl::StatusOr<std::unique_ptr<DevCluster>> Start(const Options& options, FileSystem& fs,
                                                           Clock& clock,
                                                           const Environment& environment);
  ~DevCluster();  // as Stop()

  // Not OK: a program ended by itself; which, and how.
  absl::Status Check();
  // The worker first, so that what is under way can end; then the rest.
  void Stop();

  std::string client_config() const;

 private:
  struct Child {
    std::string name;
    std::string log;
    SupervisedProcess process;
  };

  DevCluster(const Options& options, FileSystem& fs, Clock& clock, const Environment& environment)
      : options_(options), fs_(fs), clock_(clock), environment_(environment) {}

  absl::Status StartAll();
  absl::Status Prepare();
  absl::Status StartIdentityProvider();
  absl::Status StartScheduler();
  absl::Status StartWorker();
  absl::Status WriteClientConfig(int tenant);
  // Starts the program with its configuration and waits until it says that it is ready.
  absl::Status Launch(const std::string& name);
  std::string In(std::string_view name) const;

  const Options options_;
  FileSystem& fs_;
  Clock& clock_;
  const Environment& environment_;
  std::unique_ptr<DevIdentityProvider> identity_provider_;
  std::string scheduler_address_;
  std::vector<Child> children_;  // in the order they were started
};

}  // namespace hpcc

#endif  // HPCC_ADMIN_DEV_CLUSTER_H_
