#ifndef HPCC_DAEMON_HELPED_FILE_SYSTEM_H_
#define HPCC_DAEMON_HELPED_FILE_SYSTEM_H_

// A file system on which many files are looked at by two threads at once. Looking at the files of
// one closure is most of what a hit costs the daemon, and a wrapper that waits leaves a CPU free.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/forwarding_file_system.h"

namespace hpcc {

// Thread-safe. Whoever comes while the helping thread helps another does its own work alone.
class HelpedFileSystem final : public ForwardingFileSystem {
 public:
  // `inner` outlives the object. Without a thread to be had, all goes on without help.
  explicit HelpedFileSystem(FileSystem& inner);
  ~HelpedFileSystem() override;

  void StatMany(const StatPlan& plan, std::span<StatResult> results) override;

 private:
  // What two threads share: each takes the next group until there are none.
  struct Work {
    const StatPlan& plan;
    std::span<StatResult> results;
    std::atomic<size_t> next = 0;
  };
  void TakeGroups(Work& work);
  void Help();

  std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  Work* offered_ = nullptr;  // not yet taken up by the helping thread
  bool helping_ = false;     // it looks at groups of some work
  bool busy_ = false;        // somebody has offered work and is not done
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_HELPED_FILE_SYSTEM_H_
