#ifndef HPCC_WORKER_CALL_TIMERS_H_
#define HPCC_WORKER_CALL_TIMERS_H_

// Bounds on how long a call may take, or be silent: gRPC's blocking reads and writes wait as long
// as the other end likes. A call whose time is up is cancelled; what it waits in fails then.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace hpcc {

// Thread-safe. Outlives its watches.
class CallTimers {
  struct Entry {
    std::function<void()> cancel;
    std::chrono::steady_clock::time_point end;
    std::chrono::steady_clock::time_point silent_end;
  };

 public:
  CallTimers();
  ~CallTimers();
  CallTimers(const CallTimers&) = delete;
  CallTimers& operator=(const CallTimers&) = delete;

  // While it lives, its call is watched.
  class Watch {
   public:
    Watch(CallTimers& timers, std::function<void()> cancel, std::chrono::milliseconds time,
          std::chrono::milliseconds silence);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    // Something came: silence begins anew.
    void Heard();

   private:
    CallTimers& timers_;
    const std::chrono::milliseconds silence_;
    uint64_t id_;
  };

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Entry> entries_;
  std::thread thread_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_CALL_TIMERS_H_
