#ifndef HPCC_WORKER_SCHEDULER_LINK_H_
#define HPCC_WORKER_SCHEDULER_LINK_H_

// What a worker says to its scheduler, and hears from it: registers, sends heartbeats, registers
// again when the scheduler has forgotten it (it was restarted), reports sandboxes that were lost,
// and says when it takes nothing new.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "hpcc/scheduler/v1/scheduler.grpc.pb.h"
#include "sandbox/sandbox_pool.h"

namespace hpcc {

struct SchedulerLinkOptions {
  std::string address;
  std::string ca_pem;       // "": the system's certificates
  std::string server_name;  // that the certificate must be for; "": the host of `address`
  std::string secret;
  scheduler::v1::RegisterWorkerRequest registration;
  std::chrono::milliseconds call_time{5000};
  std::chrono::milliseconds retry_first{200};  // doubles with every failure
  std::chrono::milliseconds retry_most{10'000};
};

// Keys and limits come with registrations, and with a heartbeat when they are others than those the
// worker has: it says which.
struct SchedulerNews {
  std::string jwks;
  std::vector<scheduler::v1::TenantLimits> tenants;
};

struct WorkerLoad {
  uint32_t in_flight = 0;
  uint64_t free_memory_bytes = 0;
  std::vector<std::string> images;  // that it has besides those it registers with
};

// Thread-safe.
class SchedulerLink {
 public:
  struct Listeners {
    // An error: they could not be taken, and are asked for again.
    std::function<absl::Status(const SchedulerNews&)> on_news;
    std::function<WorkerLoad()> load;
    // Called once for each new cause, and with OK when it works again.
    std::function<void(const absl::Status&)> on_change;
  };

  // Starts at once, in a thread of its own. Listeners are called from it.
  SchedulerLink(SchedulerLinkOptions options, Listeners listeners);
  ~SchedulerLink();  // as Stop()

  // Whether a registration has been accepted, within `bound`.
  bool WaitUntilRegistered(std::chrono::milliseconds bound);
  // Sent soon; a few hundred are kept while the scheduler is away.
  void ReportLost(const PooledSandbox& sandbox);
  // Tells the scheduler, now and with each heartbeat, that nothing new is taken.
  void Drain();
  void Stop();

 private:
  struct Remote;

  void Run();
  absl::Status Step(bool* registered);
  absl::Status Register();
  // NotFound: the scheduler doesn't know this worker.
  absl::Status SendHeartbeat();
  absl::Status SendLost();
  // Of any answer that carries them.
  absl::Status TakeNews(const SchedulerNews& news, const std::string& configuration);
  void Note(const absl::Status& status);

  const SchedulerLinkOptions options_;
  const Listeners listeners_;
  std::unique_ptr<Remote> remote_;
  std::string configuration_;  // of the keys and limits that were taken; its thread's alone

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool draining_ = false;
  bool hurry_ = false;  // a heartbeat is due at once
  bool ever_registered_ = false;
  std::string last_problem_;
  std::chrono::milliseconds beat_{5000};
  std::deque<scheduler::v1::ReportSandboxLostRequest> lost_;
  std::thread thread_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_SCHEDULER_LINK_H_
