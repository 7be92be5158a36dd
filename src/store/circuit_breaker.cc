#include "store/circuit_breaker.h"

#include <algorithm>

namespace hpcc {

namespace {

int64_t Nanoseconds(std::chrono::milliseconds duration) {
  return std::chrono::nanoseconds(duration).count();
}

}  // namespace

CircuitBreaker::Verdict CircuitBreaker::Ask(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (!suspended_) return Verdict::kGo;
  if (probing_ || now_ns < probe_at_ns_) return Verdict::kSkip;
  probing_ = true;
  return Verdict::kProbe;
}

void CircuitBreaker::ForgiveUntil(int64_t now_ns) {
  if (forgiven_until_ns_ != 0 && now_ns > forgiven_until_ns_) {
    lost_ns_ -= options_.forgiven * static_cast<double>(now_ns - forgiven_until_ns_);
  }
  lost_ns_ = std::max(lost_ns_, 0.0);
  forgiven_until_ns_ = std::max(forgiven_until_ns_, now_ns);
}

std::chrono::milliseconds CircuitBreaker::Suspend(int64_t now_ns) {
  const bool calm = now_ns - resumed_ns_ > Nanoseconds(options_.calm);
  pause_ = pause_.count() == 0 || calm ? options_.first_pause
                                       : std::min(pause_ * 2, options_.longest_pause);
  suspended_ = true;
  failures_ = 0;
  // What has led here is paid for; a debt without end would never be forgiven.
  lost_ns_ = std::min(lost_ns_, static_cast<double>(Nanoseconds(options_.lost_time)));
  probe_at_ns_ = now_ns + Nanoseconds(pause_);
  ++suspensions_;
  return pause_;
}

std::optional<std::chrono::milliseconds> CircuitBreaker::Report(int64_t began_ns, int64_t now_ns,
                                                                int failures) {
  const std::lock_guard lock(mutex_);
  ForgiveUntil(now_ns);
  if (failures == 0) {
    failures_ = 0;
    return std::nullopt;
  }
  failures_ += failures;
  lost_ns_ +=
      static_cast<double>(std::max<int64_t>(0, now_ns - std::max(began_ns, lost_until_ns_)));
  lost_until_ns_ = std::max(lost_until_ns_, now_ns);
  const bool enough = failures_ >= options_.failures_in_a_row ||
                      lost_ns_ >= static_cast<double>(Nanoseconds(options_.lost_time));
  if (suspended_ || !enough) return std::nullopt;
  return Suspend(now_ns);
}

bool CircuitBreaker::ReportProbe(int64_t now_ns, bool failed) {
  const std::lock_guard lock(mutex_);
  probing_ = false;
  if (!suspended_) return false;
  if (failed) {
    pause_ = std::min(pause_ * 2, options_.longest_pause);
    probe_at_ns_ = now_ns + Nanoseconds(pause_);
    return false;
  }
  suspended_ = false;
  failures_ = 0;
  resumed_ns_ = now_ns;
  return true;
}

bool CircuitBreaker::suspended() const {
  const std::lock_guard lock(mutex_);
  return suspended_;
}

uint64_t CircuitBreaker::suspensions() const {
  const std::lock_guard lock(mutex_);
  return suspensions_;
}

}  // namespace hpcc
