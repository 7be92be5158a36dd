#ifndef HPCC_REMOTE_WRITE_QUEUE_H_
#define HPCC_REMOTE_WRITE_QUEUE_H_

// Values that were taken and are still to be written, so that nobody who compiles waits for it. In
// memory, and bounded: what doesn't fit is not taken. What is waiting is found by readers as if it
// were written already.
//
// It is patient, as nobody waits: what a cache did not take for a reason that passes (the network,
// throttling) is kept and tried again, and while a cache's writes are suspended all for it is kept.
// Bounded too, by WritePatience. What is given up is counted as the tier's
// (RemoteMetrics::dropped).

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "store/remote_objects.h"

namespace hpcc {

struct WritePatience {
  int attempts = 6;  // of one value
  // After a failure; twice as long after each further one. A suspension may be longer.
  std::chrono::milliseconds first_rest{400};
  std::chrono::milliseconds longest{600'000};  // that one value is kept and tried again
};

// Thread-safe.
class WriteQueue {
 public:
  // `max_bytes` of values at most, those being written included; one value alone may be larger.
  WriteQueue(uint64_t max_bytes, int threads, const WritePatience& patience = {});
  // Gives up what is still waiting.
  ~WriteQueue();

  // ResourceExhausted: too much is waiting. A value of the same key that still waits is replaced.
  // What goes wrong with a write is the tier's to count and to say. A tier lives as long as
  // something waits for it: an aliasing pointer keeps whatever owns it.
  absl::Status Add(std::shared_ptr<RemoteObjects> tier, const StoreKey& key, std::string sealed);
  // The value that waits for this tier, or is being written.
  std::shared_ptr<const std::string> Find(const RemoteObjects& tier, const StoreKey& key) const;
  // Forgets a value that waits.
  void Drop(const RemoteObjects& tier, const StoreKey& key);

  // Waits until nothing is waiting. False: it took longer, or all that still waits is held back
  // for longer than that, or than `longest_hold`: for those who leave, a cache whose writes are
  // suspended is not worth waiting for.
  bool Flush(std::chrono::milliseconds patience) { return Flush(patience, patience); }
  bool Flush(std::chrono::milliseconds patience, std::chrono::milliseconds longest_hold);

  uint64_t bytes() const;
  uint64_t values() const;

 private:
  using Place = std::tuple<const RemoteObjects*, StoreNamespace, std::string>;
  using Order = std::deque<Place>;
  struct Write {
    std::shared_ptr<RemoteObjects> tier;
    StoreKey key;
    std::shared_ptr<const std::string> sealed;
    int64_t taken_ns = 0;  // monotonic
    int attempts = 0;
  };
  // What a thread has done with a Write it took.
  enum class Outcome : uint8_t { kDone, kGivenUp, kLater };
  static Place PlaceOf(const RemoteObjects& tier, const StoreKey& key);
  void Work();
  // Without the lock. kLater: `not_before_ns` says when.
  Outcome Try(Write& write, int64_t* not_before_ns);
  // With the lock, all below.
  void Finish(const Place& place, Write write, Outcome outcome, int64_t not_before_ns);
  // Those whose time has come are in order_ again.
  void Release();
  // The first that waits and whose place nobody writes to just now: of two values for one place the
  // later must win.
  Order::iterator Next();
  // Until something changes or the first that is held back may be tried.
  void Wait(std::unique_lock<std::mutex>& lock);

  const uint64_t max_bytes_;
  const WritePatience patience_;
  Clock& clock_ = Clock::Real();  // what threads wait by
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  Order order_;                         // of those not begun; a place may have been dropped
  std::multimap<int64_t, Place> held_;  // not to be begun before this time; the same holds
  std::map<Place, Write> waiting_;      // not begun
  std::map<Place, Write> writing_;
  uint64_t bytes_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_WRITE_QUEUE_H_
