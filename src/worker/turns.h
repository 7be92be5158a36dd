#ifndef HPCC_WORKER_TURNS_H_
#define HPCC_WORKER_TURNS_H_

// At most so many at once; who comes later waits for a turn, in the order of coming, and not for
// ever. (std::counting_semaphore serves nobody in turn, and can't be told to give up.)

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

namespace hpcc {

// Thread-safe. Outlives its turns.
class Turns {
 public:
  // Ended by its destructor. Empty: it didn't come in time.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->End();
    }
    explicit operator bool() const { return turns_ != nullptr; }

   private:
    friend class Turns;
    explicit Turn(Turns* turns) : turns_(turns) {}
    Turns* turns_ = nullptr;
  };

  explicit Turns(uint32_t at_once) : free_(at_once) {}

  // `patience` 0: now or not at all. `cancelled` (may be empty) is asked while it waits.
  Turn Take(std::chrono::milliseconds patience, const std::function<bool()>& cancelled = nullptr) {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::unique_lock lock(mutex_);
    const auto place = waiting_.insert(waiting_.end(), 0);
    const auto is_mine = [&] { return free_ > 0 && place == waiting_.begin(); };
    while (!is_mine()) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= end || (cancelled && cancelled())) {
        waiting_.erase(place);
        changed_.notify_all();
        return Turn();
      }
      changed_.wait_until(lock, std::min(end, now + kBetweenQuestions));
    }
    waiting_.erase(place);
    --free_;
    changed_.notify_all();
    return Turn(this);
  }

 private:
  static constexpr std::chrono::milliseconds kBetweenQuestions{50};  // whether it is cancelled

  void End() {
    const std::lock_guard lock(mutex_);
    ++free_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t free_;
  std::list<char> waiting_;  // one for each, the first in front
};

}  // namespace hpcc

#endif  // HPCC_WORKER_TURNS_H_
