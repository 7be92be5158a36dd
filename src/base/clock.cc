#include "base/clock.h"

#include <ctime>
#include <thread>

namespace hpcc {

namespace {

int64_t Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

class RealClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return Read(CLOCK_REALTIME); }
  int64_t FileStampNanoseconds() override { return Read(CLOCK_REALTIME_COARSE); }
  int64_t MonotonicNanoseconds() override { return Read(CLOCK_MONOTONIC); }
  void Sleep(std::chrono::nanoseconds duration) override { std::this_thread::sleep_for(duration); }
};

}  // namespace

Clock& Clock::Real() {
  static RealClock clock;
  return clock;
}

}  // namespace hpcc
