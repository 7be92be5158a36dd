#include "worker/upload_window.h"

#include <algorithm>

namespace hpcc {

namespace {
constexpr int64_t kMinuteNs = int64_t{60'000'000'000};
}  // namespace

void UploadWindow::DropOld(int64_t minute) {
  const int64_t passed = std::min(minute - newest_, kMinutes);
  for (int64_t i = 1; i <= passed; ++i) {
    uint64_t& bytes = minutes_[static_cast<size_t>((newest_ + i) % kMinutes)];
    total_ -= bytes;
    bytes = 0;
  }
  newest_ = std::max(newest_, minute);
}

std::optional<std::chrono::milliseconds> UploadWindow::Charge(uint64_t bytes, uint64_t limit,
                                                              int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const int64_t minute = now_ns / kMinuteNs;
  DropOld(minute);
  if (limit == 0 || (bytes <= limit && total_ <= limit - bytes)) {
    minutes_[static_cast<size_t>(minute % kMinutes)] += bytes;
    total_ += bytes;
    return std::nullopt;
  }
  // The oldest minutes leave the window one by one.
  uint64_t left = total_;
  int64_t wait = 1;
  for (; wait < kMinutes; ++wait) {
    left -= minutes_[static_cast<size_t>((minute + wait) % kMinutes)];
    if (bytes <= limit && left <= limit - bytes) break;
  }
  const int64_t until = (minute + wait) * kMinuteNs - now_ns;
  return std::chrono::milliseconds(until / 1'000'000 + 1);
}

uint64_t UploadWindow::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

}  // namespace hpcc
