#ifndef HPCC_DISPATCH_ROUTE_SET_H_
#define HPCC_DISPATCH_ROUTE_SET_H_

// The routes to workers that a destination holds: the one the scheduler named first, and others for
// the compiles it has no place for. Compiles go to the first that has one. The others are dropped
// after a minute without a compile, so that a user's builds come back to the worker that has their
// sources.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "dispatch/blob_tracker.h"
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
  std::atomic<int> compiles = 0;  // with it now
};

struct WorkerRoute {
  std::shared_ptr<WorkerLink> link;
  std::string token;      // secret
  int64_t expires_s = 0;  // since the epoch
  int slots = 1;          // compiles the worker takes at once, by its own word
};

// A route with a place at its worker, which is given back by the destructor.
class TakenRoute {
 public:
  explicit TakenRoute(WorkerRoute route) : route_(std::move(route)) { ++route_.link->compiles; }
  TakenRoute(TakenRoute&& other) noexcept = default;
  TakenRoute& operator=(TakenRoute&&) = delete;
  ~TakenRoute() {
    if (route_.link != nullptr) --route_.link->compiles;
  }

  const WorkerRoute& operator*() const { return route_; }
  const WorkerRoute* operator->() const { return &route_; }

 private:
  WorkerRoute route_;
};

// Thread-safe. Waits for nobody.
class RouteSet {
 public:
  static constexpr size_t kMax = 8;

  // `clock` outlives it.
  explicit RouteSet(Clock& clock) : clock_(clock) {}

  enum class Room : uint8_t {
    kFree,  // only with a worker that has a place and did not say lately that it has none
    kAny,   // else with the one that has the least to do
  };
  // Nothing: there is no such worker beside those to avoid.
  std::optional<TakenRoute> Take(const std::vector<std::string>& avoid, Room room);

  // In place of an older one to the same worker. There is room for kMax.
  void Add(WorkerRoute route);
  // The worker is lost, or no longer takes this token.
  void Drop(const WorkerRoute& route);
  // The worker takes nothing for this long.
  void MarkBusy(const WorkerRoute& route, std::chrono::milliseconds length);

  std::vector<std::string> workers() const;
  int slots() const;  // of all

 private:
  struct Held {
    WorkerRoute route;
    int64_t used_ns = 0;
    int64_t busy_until_ns = 0;
  };

  void DropOld(int64_t now_ns);
  Held* WithPlace(const std::vector<std::string>& avoid, int64_t now_ns);
  Held* LeastBusy(const std::vector<std::string>& avoid, int64_t now_ns);

  Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<Held> held_;  // guarded by mutex_; in the order they came
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_ROUTE_SET_H_
