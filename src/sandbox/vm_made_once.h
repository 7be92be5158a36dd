#ifndef HPCC_SANDBOX_VM_MADE_ONCE_H_
#define HPCC_SANDBOX_VM_MADE_ONCE_H_

// Things that take long to make and are made once for each key: templates of machines.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/strings.h"

namespace hpcc {

// At most so many are kept, the least recently used goes first; whoever has one keeps it. A maker
// that has failed is not asked for the same key again before `pause` is over: meanwhile its error
// is the answer. Thread-safe.
template <typename Value>
class MadeOnce {
 public:
  using Made = std::shared_ptr<const Value>;
  using Maker = std::function<absl::StatusOr<Made>(std::chrono::milliseconds bound)>;

  explicit MadeOnce(size_t most, std::chrono::milliseconds pause = std::chrono::milliseconds(0))
      : most_(most), pause_(pause) {}

  // What `key` has; made, when there is none. Several that want the same one wait for one maker,
  // none of them longer than its own `bound`: DeadlineExceeded. A maker that fails fails its caller
  // only: the next one that waits makes it, with what is left of its bound.
  absl::StatusOr<Made> Get(const std::string& key, std::chrono::milliseconds bound,
                           const Maker& make) {
    const auto end = Clock::now() + bound;
    std::unique_lock lock(mutex_);
    const std::shared_ptr<Entry> entry = EntryFor(key);
    if (!changed_.wait_until(lock, end, [&] { return !entry->making; })) {
      return absl::DeadlineExceededError(
          StrCat("another start still makes what is wanted, after ", bound.count(), " ms"));
    }
    if (entry->made) return entry->made;
    if (Clock::now() < entry->not_before) return entry->failure;
    entry->making = true;
    lock.unlock();
    absl::StatusOr<Made> made =
        make(std::max(std::chrono::milliseconds(0),
                      std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now())));
    lock.lock();
    entry->making = false;
    if (made.ok()) {
      entry->made = *made;
    } else {
      entry->failure = made.status();
      entry->not_before = Clock::now() + pause_;
    }
    changed_.notify_all();
    return made;
  }

  // `made` turned out to be of no use: the next caller gets another one.
  void Forget(const std::string& key, const Made& made) {
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Entry>& entry : entries_) {
      if (entry->key == key && entry->made == made) entry->made.reset();
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    std::string key;
    bool making = false;
    Made made;
    absl::Status failure;
    Clock::time_point not_before;
  };

  std::shared_ptr<Entry> EntryFor(const std::string& key) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&key](const auto& entry) { return entry->key == key; });
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
    } else {
      entries_.push_front(std::make_shared<Entry>());
      entries_.front()->key = key;
      if (entries_.size() > most_) entries_.pop_back();
    }
    return entries_.front();
  }

  const size_t most_;
  const std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::shared_ptr<Entry>> entries_;  // the last used first
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_MADE_ONCE_H_
