#ifndef HPCC_DISPATCH_DESTINATION_H_
#define HPCC_DISPATCH_DESTINATION_H_

// One [remote] block at work: a scheduler, who this user is to it, the ways to workers, and what is
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
#include "dispatch/outage.h"
#include "dispatch/route_set.h"
#include "dispatch/scheduler_client.h"
#include "dispatch/sign_in.h"
#include "dispatch/slots.h"

namespace hpcc {

// Thread-safe. Errors carry their cause (dispatch/fallback.h).
class Destination {
 public:
  // Both outlive it.
  Destination(FileSystem& fs, Clock& clock, RemoteSettings settings, std::string local_directory);

  const RemoteSettings& settings() const { return settings_; }
  Slots& slots() { return slots_; }
  // Of slots(). When all are taken, another worker is looked for first.
  Slots::Slot TakeSlot(std::chrono::milliseconds patience, const GoOn& go_on);

  // The error of an outage, while nobody is to try. Else whoever asked tries, holding the turn.
  absl::StatusOr<Outage::Turn> TakeTurn();
  // How the compile of somebody who was told to try went. What concerns all compiles alike makes an
  // outage of it, or ends one; it is noted once for each cause.
  void Report(const absl::Status& status);

  // The way to a worker that is none of `avoid`: one that is at hand and has a place, else another
  // of the scheduler's, else one that is at hand. NoWorker, or Busy: there are no more.
  absl::StatusOr<TakenRoute> Route(const std::vector<std::string>& avoid, const GoOn& go_on);
  // The worker is lost, or no longer takes this token.
  void Drop(const WorkerRoute& route) { routes_.Drop(route); }
  // The worker has answered that it has enough to do.
  void MarkBusy(const WorkerRoute& route, const absl::Status& answer);

 private:
  // The next three: with mutex_ held.
  absl::Status FindMore(const std::vector<std::string>& avoid, const GoOn& go_on);
  absl::StatusOr<WorkerRoute> AskScheduler(const std::vector<std::string>& avoid,
                                           const GoOn& go_on);
  absl::StatusOr<scheduler_v1::RouteResponse> AskForRoute(const std::vector<std::string>& avoid,
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
  RouteSet routes_;

  std::timed_mutex mutex_;                                    // held while the scheduler is asked
  std::unique_ptr<SchedulerClient> scheduler_;                // guarded by mutex_
  int64_t no_more_until_ns_ = 0;                              // guarded by mutex_
  std::map<std::string, std::shared_ptr<WorkerLink>> links_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_DESTINATION_H_
