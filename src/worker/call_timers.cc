#include "worker/call_timers.h"

#include <utility>

namespace hpcc {

namespace {
constexpr std::chrono::milliseconds kTick{100};
using SteadyClock = std::chrono::steady_clock;
}  // namespace

CallTimers::CallTimers() : thread_([this] { Run(); }) {}

CallTimers::~CallTimers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  thread_.join();
}

void CallTimers::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    stopping_changed_.wait_for(lock, kTick);
    const SteadyClock::time_point now = SteadyClock::now();
    for (auto& [id, entry] : entries_) {
      if (entry.cancel && (now >= entry.end || now >= entry.silent_end)) {
        std::exchange(entry.cancel, nullptr)();
      }
    }
  }
}

CallTimers::Watch::Watch(CallTimers& timers, std::function<void()> cancel,
                         std::chrono::milliseconds time, std::chrono::milliseconds silence)
    : timers_(timers), silence_(silence) {
  const SteadyClock::time_point now = SteadyClock::now();
  const std::lock_guard lock(timers_.mutex_);
  id_ = ++timers_.last_id_;
  timers_.entries_[id_] = {std::move(cancel), now + time, now + silence};
}

CallTimers::Watch::~Watch() {
  const std::lock_guard lock(timers_.mutex_);
  timers_.entries_.erase(id_);
}

void CallTimers::Watch::Heard() {
  const std::lock_guard lock(timers_.mutex_);
  timers_.entries_[id_].silent_end = SteadyClock::now() + silence_;
}

}  // namespace hpcc
