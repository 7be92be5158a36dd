#ifndef HPCC_SCHEDULER_WORKER_REGISTRY_H_
#define HPCC_SCHEDULER_WORKER_REGISTRY_H_

// Which workers there are, and which of them a tenant's compiles of an image go to.
//
// A worker can be chosen when it has been heard of lately, is not draining, offers the isolation
// that is asked for, has the image or can get it, and has room: fewer compiles in flight than
// slots, by its last heartbeat. Of these:
//
//  1. one that this tenant's compiles of this image went to before: it has the sources already;
//  2. else the least loaded one that has the image;
//  3. else the least loaded one that can get it.
//
// Load is what the worker says is in flight plus what was routed to it since it said so. Of equally
// loaded ones it is whose last route is the longest ago.
//
// Who has a route to a worker may renew it while that one is full, when no other has room: it is
// full of their compiles. Room is asked of newcomers, and of a further worker for a build that
// fills the ones it has, which are those to avoid. A worker that lost a sandbox of a tenant is
// passed over for that tenant for a while, unless there is no other; other tenants can't bring that
// about.
//
// All of it is in memory: after a restart of the scheduler workers register again by themselves.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "scheduler/isolation.h"

namespace hpcc {

// What a worker says of itself when it registers. The caller has checked it.
struct WorkerFacts {
  std::string name;
  std::string address;
  std::string certificate_sha256;
  std::string certificate_pem;
  std::vector<std::string> images;
  bool pulls_images = false;
  int isolation_rank = 0;
  uint32_t slots = 0;
  uint64_t memory_bytes = 0;
  std::string hpcc_version;
};

struct WorkerReport {
  std::string name;
  uint32_t in_flight = 0;
  uint64_t free_memory_bytes = 0;
  std::vector<std::string> images;
  bool draining = false;
};

struct RouteQuestion {
  std::string tenant;
  std::string user;
  std::string image;
  int least_isolation_rank = 0;
  std::vector<std::string> avoid_workers;
};

struct RouteChoice {
  std::string worker;
  std::string address;
  std::string certificate_sha256;
  std::string certificate_pem;
  uint32_t slots = 0;
};

struct RegistryOptions {
  std::chrono::nanoseconds silent_after{std::chrono::seconds(15)};
  std::chrono::nanoseconds forget_after{std::chrono::minutes(10)};
  std::chrono::nanoseconds lost_for{std::chrono::seconds(30)};
  std::chrono::nanoseconds route_for{std::chrono::minutes(5)};  // how long a route is held
};

// Thread-safe.
class WorkerRegistry {
 public:
  WorkerRegistry(Clock& clock, const RegistryOptions& options) : clock_(clock), options_(options) {}

  enum class Registered : uint8_t {
    kNew,
    kAgain,               // known, with the same certificate
    kCertificateChanged,  // known by another one
  };
  // ResourceExhausted: there are kMaxWorkers.
  absl::StatusOr<Registered> Register(WorkerFacts facts);
  // False: not known, or forgotten; it has to register.
  bool Heartbeat(const WorkerReport& report);
  // False: the worker is not known.
  bool SandboxLost(std::string_view worker, std::string_view tenant);

  // NotFound: no worker that is there can compile this. ResourceExhausted: those that could are
  // full; `retry_after()` says when to ask again.
  absl::StatusOr<RouteChoice> Route(const RouteQuestion& question);

  std::chrono::milliseconds retry_after() const { return std::chrono::seconds(2); }
  size_t workers() const;

 private:
  // Where a worker stands in an order of load.
  struct Standing {
    uint64_t load = 0;        // in thousandths of its slots
    uint64_t last_route = 0;  // number of the last route to it
    uint64_t id = 0;
    friend auto operator<=>(const Standing&, const Standing&) = default;
  };
  // Workers by rank of isolation, in order of load.
  using Pool = std::array<std::set<Standing>, kIsolationRanks>;

  struct Worker {
    uint64_t id = 0;
    WorkerFacts facts;
    absl::flat_hash_set<std::string> images;
    uint32_t in_flight = 0;
    uint32_t routed = 0;  // since in_flight was said
    bool draining = false;
    int64_t heard_ns = 0;
    Standing standing;
    bool in_pools = false;
    absl::flat_hash_map<std::string, int64_t> lost_until_ns;  // by tenant

    bool HasRoom() const { return in_flight < facts.slots; }
  };
  struct Residence {
    uint64_t worker = 0;
    int64_t until_ns = 0;
  };
  using Residences = absl::InlinedVector<Residence, 1>;  // in the order they began
  struct Sticky {
    std::vector<uint64_t> workers;
    int64_t used_ns = 0;
  };
  enum class Lost : uint8_t { kPassOver, kAccept };
  enum class Full : uint8_t { kPassOver, kAccept };

  void EnterPools(Worker& worker);
  void LeavePools(Worker& worker);
  void Restand(Worker& worker);
  void SetImages(Worker& worker, const std::vector<std::string>& images);
  void ForgetSilent(int64_t now_ns);
  void ForgetRoutes(int64_t now_ns);

  static bool AllEnded(const Residences& residences, int64_t now_ns);
  bool IsThere(const Worker& worker, int64_t now_ns) const;
  bool Serves(const Worker& worker, const RouteQuestion& question, int64_t now_ns, Lost lost) const;
  Worker* ById(uint64_t id) const;
  Worker* OfResident(const RouteQuestion& question, const std::string& key, int64_t now_ns,
                     Full full);
  Worker* OfSticky(const RouteQuestion& question, const std::string& key, int64_t now_ns);
  Worker* LeastLoaded(Pool& pool, const RouteQuestion& question, int64_t now_ns, Lost lost,
                      bool* full);
  Worker* Choose(const RouteQuestion& question, int64_t now_ns, bool* full);
  void Remember(const RouteQuestion& question, Worker& worker, int64_t now_ns);

  Clock& clock_;
  const RegistryOptions options_;

  mutable std::mutex mutex_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Worker>> workers_;
  absl::flat_hash_map<std::string, uint64_t> ids_;
  absl::flat_hash_map<std::string, Pool> having_;  // by image
  Pool pulling_;
  absl::flat_hash_map<std::string, Sticky> sticky_;         // by tenant and image
  absl::flat_hash_map<std::string, Residences> residents_;  // by tenant, user and image
  uint64_t last_id_ = 0;
  uint64_t routes_ = 0;
  int64_t swept_ns_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_WORKER_REGISTRY_H_
