#ifndef HPCC_DISPATCH_DESTINATION_H_
#define HPCC_DISPATCH_DESTINATION_H_

// One [remote] block at work: a scheduler, who this user is to it, the way to a worker, and what is
// known of the workers met so far. Shared by all compiles that come with that block.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "config/config.h"
#include "dispatch/blob_tracker.h"
#include "dispatch/outage.h"
#include "dispatch/scheduler_client.h"
#include "dispatch/sign_in.h"
#include "dispatch/slots.h"
#include "dispatch/worker_client.h"

namespace hpcc {

// A worker with what is known of it. Thread-safe.
struct WorkerLink {
  WorkerLink(std::string worker, const std::string& address, const std::string& fingerprint)
      : name(std::move(worker)), client(address, fingerprint) {
    uploads.SetCapacity(4);  // streams at a time; workers bound them
  }

  const std::string name;
  WorkerClient client;
  BlobTracker blobs;
  Slots uploads;
};

struct WorkerRoute {
  std::shared_ptr<WorkerLink> link;
  std::string token;      // secret
  int64_t expires_s = 0;  // since the epoch
};

// Thread-safe. Errors carry their cause (dispatch/fallback.h).
class Destination {
 public:
  // Both outlive it.
  Destination(FileSystem& fs, Clock& clock, RemoteSettings settings, std::string local_directory);

  const RemoteSettings& settings() const { return settings_; }
  Slots& slots() { return slots_; }

  // The error of an outage, while nobody is to try.
  std::optional<absl::Status> Blocked();
  // How the compile of somebody who was told to try went. What concerns all compiles alike makes an
  // outage of it, or ends one; it is noted once for each cause.
  void Report(const absl::Status& status);

  // The way to a worker, other than `avoid` ("": any).
  absl::StatusOr<WorkerRoute> Route(const std::string& avoid, const GoOn& go_on);
  // The worker no longer takes this token.
  void Drop(const WorkerRoute& route);

 private:
  absl::StatusOr<WorkerRoute> AskScheduler(const std::string& avoid, const GoOn& go_on);
  absl::StatusOr<scheduler_v1::RouteResponse> AskForRoute(const std::string& avoid,
                                                          const GoOn& go_on);
  absl::Status SchedulerError(const absl::Status& status) const;
  std::shared_ptr<WorkerLink> LinkTo(const scheduler_v1::RouteResponse& route);
  void Note(std::string_view text);

  FileSystem& fs_;
  Clock& clock_;
  const RemoteSettings settings_;
  const std::string local_directory_;
  SignIn sign_in_;
  Slots slots_;
  Outage outage_;

  std::timed_mutex mutex_;                                    // held while the scheduler is asked
  std::unique_ptr<SchedulerClient> scheduler_;                // guarded by mutex_
  WorkerRoute route_;                                         // guarded by mutex_
  std::map<std::string, std::shared_ptr<WorkerLink>> links_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_DESTINATION_H_
