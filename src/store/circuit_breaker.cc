#include "store/circuit_breaker.h"

#include <algorithm>

namespace hpcc {

namespace {

// What a quick answer leaves of the time that slow ones have cost.
constexpr double kLeftByQuickAnswer = 0.95;
// Of a probe that is under way nobody knows how long it will take.
constexpr std::chrono::milliseconds kWhileProbing{250};

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
    const double forgiven = options_.forgiven * static_cast<double>(now_ns - forgiven_until_ns_);
    lost_ns_ = std::max(lost_ns_ - forgiven, 0.0);
    slow_ns_ = std::max(slow_ns_ - forgiven, 0.0);
  }
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
  slow_ns_ = std::min(slow_ns_, static_cast<double>(Nanoseconds(options_.slow_time)));
  probe_at_ns_ = now_ns + Nanoseconds(pause_);
  ++suspensions_;
  return pause_;
}

bool CircuitBreaker::IsSlow(int64_t began_ns, int64_t now_ns) const {
  return options_.slow_answer.count() != 0 &&
         now_ns - began_ns >= Nanoseconds(options_.slow_answer);
}

double CircuitBreaker::TakeWaited(int64_t began_ns, int64_t now_ns) {
  const int64_t waited_ns = std::max<int64_t>(0, now_ns - std::max(began_ns, lost_until_ns_));
  lost_until_ns_ = std::max(lost_until_ns_, now_ns);
  return static_cast<double>(waited_ns);
}

bool CircuitBreaker::CountAnswer(int64_t began_ns, int64_t now_ns) {
  failures_ = 0;
  if (!IsSlow(began_ns, now_ns)) {
    slow_ns_ *= kLeftByQuickAnswer;
    return false;
  }
  slow_ns_ += TakeWaited(began_ns, now_ns);
  return slow_ns_ >= static_cast<double>(Nanoseconds(options_.slow_time));
}

bool CircuitBreaker::CountFailures(int64_t began_ns, int64_t now_ns, int failures) {
  failures_ += failures;
  lost_ns_ += TakeWaited(began_ns, now_ns);
  return failures_ >= options_.failures_in_a_row ||
         lost_ns_ >= static_cast<double>(Nanoseconds(options_.lost_time));
}

std::optional<std::chrono::milliseconds> CircuitBreaker::Report(int64_t began_ns, int64_t now_ns,
                                                                int failures) {
  const std::lock_guard lock(mutex_);
  ForgiveUntil(now_ns);
  const bool enough =
      failures == 0 ? CountAnswer(began_ns, now_ns) : CountFailures(began_ns, now_ns, failures);
  if (suspended_ || !enough) return std::nullopt;
  return Suspend(now_ns);
}

bool CircuitBreaker::ReportProbe(int64_t began_ns, int64_t now_ns, bool failed) {
  const std::lock_guard lock(mutex_);
  probing_ = false;
  if (!suspended_) return false;
  if (failed || IsSlow(began_ns, now_ns)) {
    pause_ = std::min(pause_ * 2, options_.longest_pause);
    probe_at_ns_ = now_ns + Nanoseconds(pause_);
    return false;
  }
  suspended_ = false;
  failures_ = 0;
  resumed_ns_ = now_ns;
  return true;
}

std::chrono::nanoseconds CircuitBreaker::HeldUpFor(int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  if (!suspended_) return std::chrono::nanoseconds(0);
  if (probing_) return kWhileProbing;
  return std::chrono::nanoseconds(std::max<int64_t>(0, probe_at_ns_ - now_ns));
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
