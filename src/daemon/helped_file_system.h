#ifndef HPCC_DAEMON_HELPED_FILE_SYSTEM_H_
#define HPCC_DAEMON_HELPED_FILE_SYSTEM_H_

// A file system on which many files are looked at by two threads at once. Looking at the files of
// one closure is most of what a hit costs the daemon, and a wrapper that waits leaves a CPU free.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/forwarding_file_system.h"

namespace hpcc {

// Thread-safe. Whoever comes while the helping thread helps another does its own work alone.
class HelpedFileSystem final : public ForwardingFileSystem {
 public:
  // `inner` outlives the object. Without a thread or a second processor to be had, all goes on
  // without help.
  explicit HelpedFileSystem(FileSystem& inner,
                            unsigned processors = std::thread::hardware_concurrency());
  ~HelpedFileSystem() override;

  void StatMany(const StatPlan& plan, std::span<StatResult> results) override;

  // The calling thread will soon ask for many files, most likely for these: the helping thread
  // looks at them meanwhile. What it finds is for the next StatMany of this thread, if that asks
  // for the same files, and for nobody else. Lives no longer than the request it was made for, and
  // in its thread. By that StatMany the wrapper has its answer and is at work itself: with two
  // processors only, the help ends there.
  class Expectation {
   public:
    // `helped` outlives the object. Null, or a null `plan`: nothing is expected.
    Expectation(HelpedFileSystem* helped, std::shared_ptr<const StatPlan> plan);
    ~Expectation() { End(); }
    // What was found is forgotten: the thread goes on to wait for others.
    void End();
    Expectation(const Expectation&) = delete;
    Expectation& operator=(const Expectation&) = delete;

   private:
    HelpedFileSystem* helped_;  // null: nobody took it up
  };

 private:
  // What two threads share: each takes the next group until there are none.
  struct Work {
    const StatPlan& plan;
    std::span<StatResult> results;
    std::atomic<size_t> next = 0;
  };
  // The same, made before it was asked for.
  struct Expected {
    explicit Expected(std::shared_ptr<const StatPlan> plan_in)
        : plan(std::move(plan_in)), results(plan->paths().size()), work{*plan, results} {}
    const std::shared_ptr<const StatPlan> plan;
    std::vector<StatResult> results;
    Work work;
    const std::thread::id owner = std::this_thread::get_id();
  };

  // Hands `work` to the helping thread, unless it has something to do.
  bool Offer(Work* work);
  // Until the helping thread has let go of what was offered; then it is free again.
  void TakeBack();
  // Whether this thread had expected just this; the results are there then.
  bool TakeExpected(const StatPlan& plan, std::span<StatResult> results);
  void EndExpectation();
  void TakeGroups(Work& work);
  // The same, leaving none to the other thread but the one it is at.
  void TakeAllGroupsLeft(Work& work);
  void Help();

  const unsigned processors_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  Work* offered_ = nullptr;  // not yet taken up by the helping thread
  bool helping_ = false;     // it looks at groups of some work
  bool busy_ = false;        // somebody has offered work and is not done
  bool leaving_ = false;
  std::unique_ptr<Expected> expected_;  // busy_ while there is one
  std::thread thread_;
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_HELPED_FILE_SYSTEM_H_
