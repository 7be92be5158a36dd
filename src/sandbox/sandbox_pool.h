#ifndef HPCC_SANDBOX_SANDBOX_POOL_H_
#define HPCC_SANDBOX_SANDBOX_POOL_H_

// The sandboxes of a worker: one for each tenant and image that has something to compile, started
// when it is first asked for and kept until it is idle too long, too old, dead, or in the way of
// another. Where its driver can, it is suspended before that, and resumed for the next exec.
//
// A sandbox never changes hands: it is started for one tenant and one image, and stopped as theirs.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "sandbox/runtime.h"

namespace hpcc {

struct SandboxPoolOptions {
  // What each sandbox gets. At most `cpus` execs run in one at a time.
  uint32_t cpus = 2;
  uint64_t memory_bytes = uint64_t{2} << 30;
  uint64_t blob_bytes = uint64_t{1} << 30;

  // Of all sandboxes together. The least recently used idle one goes when another needs its place.
  size_t max_sandboxes = 16;
  // Of those that aren't suspended, by what Runtime::MemoryBytes says each may take; 0: no limit.
  // The least recently used idle one goes here, too. One alone always has its place.
  uint64_t max_memory_bytes = 0;

  // Who may wait for a place in one sandbox; more are refused at once.
  size_t max_waiting = 64;

  std::chrono::milliseconds start{20'000};  // bound on a start
  std::chrono::seconds suspend{0};          // without an exec, then it is suspended; 0: never
  std::chrono::seconds idle{300};           // without an exec, then it is stopped
  std::chrono::seconds session{8 * 3600};   // after its start, then it takes no further exec
  std::chrono::seconds drain{600};          // and is stopped after these at the latest

  // How often sandboxes are looked after. 0: only when Tend() is called.
  std::chrono::milliseconds tend_every{200};
};

// Of a sandbox, for lists and for reports of lost ones.
struct PooledSandbox {
  std::string id;
  std::string tenant;
  std::string image;
  std::string isolation;
  uint32_t cpus = 0;
  uint32_t execs = 0;  // running now
  bool suspended = false;
  bool starting = false;  // for the first time
  bool ending = false;    // takes no further exec
  std::chrono::nanoseconds age{0};
  std::chrono::nanoseconds unused{0};  // since its last exec ended; 0 while one runs
};

// Thread-safe. Outlives its leases.
class SandboxPool {
  struct Entry;

 public:
  // A place for one exec in a sandbox; given back by its destructor.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), entry_(std::move(other.entry_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    Sandbox& sandbox() const;

   private:
    friend class SandboxPool;
    Lease(SandboxPool* pool, std::shared_ptr<Entry> entry)
        : pool_(pool), entry_(std::move(entry)) {}

    SandboxPool* pool_;
    std::shared_ptr<Entry> entry_;
  };

  // Called for every sandbox that died by itself, once, with none of the pool's locks held. It may
  // come from any thread that uses the pool, and from the pool's own.
  using OnLost = std::function<void(const PooledSandbox&)>;

  // `runtime` and `clock` outlive the pool. `name` begins the ids of its sandboxes.
  SandboxPool(Runtime& runtime, std::string name, SandboxPoolOptions options, OnLost on_lost,
              Clock& clock = Clock::Real());
  ~SandboxPool();  // as Stop()

  // A place in the sandbox of this tenant and image, which is started when there is none. Waits up
  // to `patience` for a place, and asks `cancelled` (may be empty) meanwhile.
  //  - ResourceExhausted: no place in time, too many wait already, or every sandbox that could make
  //    room is at work.
  //  - Cancelled: as asked. Unavailable: the pool is stopped.
  //  - what Runtime::Start said.
  absl::StatusOr<Lease> Acquire(std::string_view tenant, std::string_view image,
                                std::chrono::milliseconds patience,
                                const std::function<bool()>& cancelled = nullptr);

  // The same in the sandbox of this id, which isn't made for it: NotFound when there is none, or it
  // is dead. FailedPrecondition: it takes no further exec.
  absl::StatusOr<Lease> AcquireById(std::string_view id, std::chrono::milliseconds patience,
                                    const std::function<bool()>& cancelled = nullptr);

  // Suspends what is idle, stops what is idle too long, too old or dead, and reports the dead. The
  // pool's own threads do this unless tend_every is 0: to report the dead waits for nothing else.
  void Tend();

  // Stops every sandbox, at work or not. Acquire fails from then on. Waits for no lease.
  void Stop();

  std::vector<PooledSandbox> List() const;
  const SandboxPoolOptions& options() const { return options_; }

 private:
  using Key = std::pair<std::string, std::string>;  // tenant, image
  struct Removal;                                   // what is done once the lock is released

  // `id`: of the only sandbox that will do; "": whichever is there, or one that is started.
  absl::StatusOr<Lease> AcquireOf(const Key& key, std::string_view id,
                                  std::chrono::milliseconds patience,
                                  const std::function<bool()>& cancelled);
  void GiveBack(Entry& entry);
  // With the lock held:
  PooledSandbox Describe(const Entry& entry) const;
  bool Usable(const Entry& entry) const;
  bool IdleFor(const Entry& entry, std::chrono::nanoseconds time) const;
  void NoteDeath(Entry& entry, Removal& removal) const;
  // For one that is to be started (nullptr), or resumed.
  bool MakeRoom(const Entry* entry, Removal& removal);
  void Retire(const std::shared_ptr<Entry>& entry, Removal& removal);
  // Without it:
  void Repeat(void (SandboxPool::*work)());
  void ReportDead();
  bool BeginSuspend(Entry& entry);
  void Carry(Removal removal);
  void Start(const std::shared_ptr<Entry>& entry);
  void Suspend(const std::shared_ptr<Entry>& entry);
  void Resume(const std::shared_ptr<Entry>& entry);
  // What Start, Suspend and Resume end with.
  void Settle(const std::shared_ptr<Entry>& entry, const std::function<void(Removal&)>& settle);

  Runtime& runtime_;
  const std::string name_;
  const SandboxPoolOptions options_;
  const OnLost on_lost_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, std::shared_ptr<Entry>> current_;  // the one that takes execs
  std::vector<std::shared_ptr<Entry>> draining_;   // too old for further ones, still at work
  uint64_t last_id_ = 0;
  bool stopped_ = false;
  std::thread tender_;
  std::thread watcher_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_SANDBOX_POOL_H_
