#ifndef HPCC_DISPATCH_OUTAGE_H_
#define HPCC_DISPATCH_OUTAGE_H_

// Remembers that something can't be used, so that a build pays for that once and not for each file:
// until a pause is over nobody tries, then one does. Pauses double from `first` up to `longest`,
// and begin anew after a success.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/status/status.h"

namespace hpcc {

// Thread-safe. Times are monotonic nanoseconds.
class Outage {
 public:
  Outage(std::chrono::milliseconds first, std::chrono::milliseconds longest)
      : first_(first), longest_(longest) {}

  // The error that keeps the caller from trying; nothing: it is to try, and to report.
  std::optional<absl::Status> Ask(int64_t now_ns);

  // `pause`: at least this long. True: this is news, the outage has just begun or has another
  // cause.
  bool Failed(const absl::Status& status, int64_t now_ns, std::chrono::milliseconds pause = {});
  // True: there was an outage.
  bool Succeeded();

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds longest_;
  std::mutex mutex_;
  std::optional<absl::Status> failure_;  // guarded by mutex_
  std::chrono::milliseconds pause_{0};   // guarded by mutex_
  int64_t until_ns_ = 0;                 // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_OUTAGE_H_
