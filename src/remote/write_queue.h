#ifndef HPCC_REMOTE_WRITE_QUEUE_H_
#define HPCC_REMOTE_WRITE_QUEUE_H_

// Values that were taken and are still to be written, so that nobody who compiles waits for it. In
// memory, and bounded: what doesn't fit is not taken. What is waiting is found by readers as if it
// were written already.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "store/store.h"

namespace hpcc {

// Thread-safe.
class WriteQueue {
 public:
  // `max_bytes` of values at most, those being written included; one value alone may be larger.
  WriteQueue(uint64_t max_bytes, int threads);
  // Gives up what is still waiting.
  ~WriteQueue();

  // ResourceExhausted: too much is waiting. A value of the same key that still waits is replaced.
  // What goes wrong with a write is the tier's to count and to say. A tier lives as long as
  // something waits for it: an aliasing pointer keeps whatever owns it.
  absl::Status Add(std::shared_ptr<Store> tier, const StoreKey& key, std::string sealed);
  // The value that waits for this tier, or is being written.
  std::shared_ptr<const std::string> Find(const Store& tier, const StoreKey& key) const;
  // Forgets a value that waits.
  void Drop(const Store& tier, const StoreKey& key);

  // Waits until nothing is waiting. False: it took longer.
  bool Flush(std::chrono::milliseconds patience);

  uint64_t bytes() const;
  uint64_t values() const;

 private:
  using Place = std::tuple<const Store*, StoreNamespace, std::string>;
  struct Write {
    std::shared_ptr<Store> tier;
    StoreKey key;
    std::shared_ptr<const std::string> sealed;
  };
  static Place PlaceOf(const Store& tier, const StoreKey& key);
  void Work();
  // The first that waits and whose place nobody writes to just now: of two values for one place the
  // later must win.
  std::deque<Place>::iterator Next();

  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  std::deque<Place> order_;         // of those not begun; a place may have been dropped
  std::map<Place, Write> waiting_;  // not begun
  std::map<Place, Write> writing_;
  uint64_t bytes_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_WRITE_QUEUE_H_
