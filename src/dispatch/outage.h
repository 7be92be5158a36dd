#ifndef HPCC_DISPATCH_OUTAGE_H_
#define HPCC_DISPATCH_OUTAGE_H_

// Remembers that something can't be used, so that a build pays for that once and not for each file:
// until a pause is over nobody tries, then one does. Pauses double from `first` up to `longest`,
// and begin anew after a success.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

// Thread-safe. Times are monotonic nanoseconds.
class Outage {
 public:
  Outage(std::chrono::milliseconds first, std::chrono::milliseconds longest)
      : first_(first), longest_(longest) {}

  // Held by a caller who tries. One who found out nothing by the end of it, because nobody waited
  // any more for example, leaves the try to the next.
  class Turn {
   public:
    explicit Turn(Outage* outage, uint64_t trial) : outage_(outage), trial_(trial) {}
    Turn(Turn&& other) noexcept
        : outage_(std::exchange(other.outage_, nullptr)), trial_(other.trial_) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (outage_ != nullptr) outage_->GiveBack(trial_);
    }

   private:
    Outage* outage_;  // null: there is nothing to give back
    uint64_t trial_;
  };
  // The error that keeps the caller from trying. Else it is to try, and to report.
  absl::StatusOr<Turn> Ask(int64_t now_ns);

  // `pause`: at least this long. True: this is news, the outage has just begun or has another
  // cause.
  bool Failed(const absl::Status& status, int64_t now_ns, std::chrono::milliseconds pause = {});
  // True: this has ended an outage. A success within a pause that was asked for ends none: it was
  // under way before, or wanted less than others do.
  bool Succeeded(int64_t now_ns);

 private:
  void GiveBack(uint64_t trial);

  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds longest_;
  std::mutex mutex_;
  std::optional<absl::Status> failure_;  // guarded by mutex_
  std::chrono::milliseconds pause_{0};   // guarded by mutex_
  int64_t until_ns_ = 0;                 // guarded by mutex_
  int64_t asked_until_ns_ = 0;           // guarded by mutex_; of an asked-for pause
  uint64_t trials_ = 0;                  // guarded by mutex_
  uint64_t under_way_ = 0;               // guarded by mutex_; a trial's number, 0: none
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_OUTAGE_H_
