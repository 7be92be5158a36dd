#include "dispatch/outage.h"

#include <algorithm>

#include "dispatch/fallback.h"

namespace hpcc {

absl::StatusOr<Outage::Turn> Outage::Ask(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (!failure_) return Turn(nullptr, 0);
  if (now_ns < until_ns_) return *failure_;
  // This caller tries; the others go on skipping until it has reported.
  until_ns_ = now_ns + std::chrono::nanoseconds(longest_).count();
  under_way_ = ++trials_;
  return Turn(this, under_way_);
}

void Outage::GiveBack(uint64_t trial) {
  const std::lock_guard lock(mutex_);
  if (under_way_ != trial) return;
  under_way_ = 0;
  until_ns_ = 0;
}

bool Outage::Failed(const absl::Status& status, int64_t now_ns, std::chrono::milliseconds pause) {
  const std::lock_guard lock(mutex_);
  const bool news = !failure_ || CauseOf(*failure_) != CauseOf(status);
  pause_ = failure_ ? std::min(pause_ * 2, longest_) : first_;
  until_ns_ = now_ns + std::chrono::nanoseconds(std::max(pause_, pause)).count();
  asked_until_ns_ = now_ns + std::chrono::nanoseconds(pause).count();
  failure_ = status;
  under_way_ = 0;
  return news;
}

bool Outage::Succeeded(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (failure_ && now_ns < asked_until_ns_) return false;
  const bool ended = failure_.has_value();
  failure_.reset();
  under_way_ = 0;
  return ended;
}

}  // namespace hpcc
