#ifndef HPCC_WORKER_UPLOAD_WINDOW_H_
#define HPCC_WORKER_UPLOAD_WINDOW_H_

// How much a tenant has sent within the last hour, to the minute.

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace hpcc {

// Thread-safe.
class UploadWindow {
 public:
  // Counts `bytes` at `now_ns` (monotonic) if that stays within `limit` for the hour before; 0 is
  // no limit. Else nothing is counted, and the value is after how long it will be worth asking
  // again.
  std::optional<std::chrono::milliseconds> Charge(uint64_t bytes, uint64_t limit, int64_t now_ns);

  uint64_t total() const;

 private:
  static constexpr int64_t kMinutes = 60;
  void DropOld(int64_t minute);  // mutex_ is held

  mutable std::mutex mutex_;
  std::array<uint64_t, kMinutes> minutes_{};  // by minute modulo kMinutes
  int64_t newest_ = 0;
  uint64_t total_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_UPLOAD_WINDOW_H_
