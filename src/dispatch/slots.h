#ifndef HPCC_DISPATCH_SLOTS_H_
#define HPCC_DISPATCH_SLOTS_H_

// How many compiles are with workers at a time: as many as these take. The limit begins with what
// the scheduler says a worker takes, grows by one for each round of compiles that went well, and
// shrinks when a worker says that it has enough.

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "dispatch/grpc_call.h"

namespace hpcc {

inline constexpr int kFirstSlots = 8;  // until the scheduler has said
inline constexpr int kMostSlots = 512;

// Thread-safe.
class Slots {
 public:
  // What is taken is given back by the destructor.
  class Slot {
   public:
    explicit Slot(Slots* slots) : slots_(slots) {}
    Slot(Slot&& other) noexcept : slots_(other.slots_) { other.slots_ = nullptr; }
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (slots_ != nullptr) slots_->GiveBack();
    }
    explicit operator bool() const { return slots_ != nullptr; }

   private:
    Slots* slots_;
  };

  // Waits for at most `patience`; an empty slot: there was none.
  Slot Take(std::chrono::milliseconds patience, const GoOn& go_on);

  void SetCapacity(int workers_take);  // counts the first time, and when it changes
  void WentWell();
  void PushedBack();

  int limit() const;
  int in_use() const;

 private:
  void GiveBack();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  double limit_ = kFirstSlots;                    // guarded by mutex_
  int capacity_ = 0;                              // guarded by mutex_
  int in_use_ = 0;                                // guarded by mutex_
  std::chrono::steady_clock::time_point shrunk_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_SLOTS_H_
