#ifndef HPCC_SANDBOX_WATCHED_PROCESS_H_
#define HPCC_SANDBOX_WATCHED_PROCESS_H_

// A sandbox's first process as its worker sees it: whether it lives, and what it last said on its
// standard error. Its end is noticed at once.

#include <sys/types.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "base/posix_descriptor.h"

namespace hpcc {

// Thread-safe.
class WatchedProcess {
 public:
  // `process` is a pidfd of a child of this process, `messages` the reading end of a pipe.
  WatchedProcess(Descriptor process, Descriptor messages);
  ~WatchedProcess();  // as Kill()

  bool alive() const { return alive_; }
  // The last 4 KiB of what it said, on one line. Whole once it is dead.
  std::string Said() const;

  // Kills it and waits for its end; being the first process of its pid namespace, it takes
  // everything in there along.
  void Kill();

 private:
  void Watch();
  bool ReadMessages();

  const Descriptor process_;
  Descriptor messages_;
  std::atomic<bool> alive_{true};
  mutable std::mutex mutex_;
  std::string said_;
  std::thread watcher_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_WATCHED_PROCESS_H_
