#ifndef HPCC_BASE_CLOCK_H_
#define HPCC_BASE_CLOCK_H_

// Time enters the program here, so that tests can bend it.

#include <chrono>
#include <cstdint>

namespace hpcc {

class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since the epoch, on the wall clock.
  virtual int64_t NowNanoseconds() = 0;

  // The same clock as the file system stamps changes with: it advances in ticks of some
  // milliseconds. A file changed after this call never gets a stamp below the value returned.
  virtual int64_t FileStampNanoseconds() = 0;

  // For measuring durations; never goes back.
  virtual int64_t MonotonicNanoseconds() = 0;

  virtual void Sleep(std::chrono::nanoseconds duration) = 0;

  // The machine's clock. Lives for ever; thread-safe.
  static Clock& Real();
};

}  // namespace hpcc

#endif  // HPCC_BASE_CLOCK_H_
