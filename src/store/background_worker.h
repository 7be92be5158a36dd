#ifndef HPCC_STORE_BACKGROUND_WORKER_H_
#define HPCC_STORE_BACKGROUND_WORKER_H_

// One thread that does things nobody waits for, in order.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace hpcc {

// Thread-safe. The thread starts with the first task. The destructor waits for the task being done
// and drops the others.
class BackgroundWorker {
 public:
  explicit BackgroundWorker(size_t most_waiting) : most_waiting_(most_waiting) {}
  ~BackgroundWorker();

  // False, and the task is dropped, when too many wait already.
  bool Post(std::function<void()> task);
  // False when there was still something to do after `patience`.
  bool WaitUntilIdle(std::chrono::milliseconds patience);

 private:
  void Run();

  const size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool busy_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_BACKGROUND_WORKER_H_
