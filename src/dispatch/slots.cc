#include "dispatch/slots.h"

#include <algorithm>

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kStep{250};
constexpr double kShrink = 0.75;
constexpr std::chrono::milliseconds kNewsAgain{500};

}  // namespace

Slots::Slot Slots::Take(std::chrono::milliseconds patience, const GoOn& go_on) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex_);
  while (in_use_ >= static_cast<int>(limit_)) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return Slot(nullptr);
    changed_.wait_until(lock, std::min(now + kStep, deadline));
    lock.unlock();
    const bool wanted = go_on();
    lock.lock();
    if (!wanted) return Slot(nullptr);
  }
  ++in_use_;
  return Slot(this);
}

void Slots::GiveBack() {
  {
    const std::lock_guard lock(mutex_);
    --in_use_;
  }
  changed_.notify_one();
}

void Slots::SetCapacity(int workers_take) {
  const std::lock_guard lock(mutex_);
  if (workers_take <= 0 || workers_take == capacity_) return;
  capacity_ = workers_take;
  limit_ = std::clamp(workers_take, 1, kMostSlots);
}

void Slots::WentWell() {
  const std::lock_guard lock(mutex_);
  limit_ = std::min<double>(limit_ + 1 / limit_, kMostSlots);
}

void Slots::PushedBack() {
  const std::lock_guard lock(mutex_);
  // Many are told so at once, which is one piece of news.
  const auto now = std::chrono::steady_clock::now();
  if (now - shrunk_ < kNewsAgain) return;
  shrunk_ = now;
  limit_ = std::max(1.0, std::min<double>(limit_, in_use_) * kShrink);
}

int Slots::limit() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(limit_);
}

int Slots::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

}  // namespace hpcc
