#include "dispatch/blob_tracker.h"

#include <algorithm>

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kStep{250};
// More than anybody's upload takes (WorkerClient bounds it).
constexpr std::chrono::minutes kPatience{6};
constexpr size_t kMaxKnown = 2'000'000;

}  // namespace

std::vector<Digest> BlobTracker::Claim(const std::vector<Digest>& digests) {
  std::vector<Digest> claimed;
  const std::lock_guard lock(mutex_);
  for (const Digest& digest : digests) {
    if (there_.contains(digest)) continue;
    if (on_way_.insert(digest).second) claimed.push_back(digest);
  }
  return claimed;
}

void BlobTracker::Settle(const std::vector<Digest>& claimed, bool there) {
  {
    const std::lock_guard lock(mutex_);
    // What is forgotten is asked about again.
    if (there_.size() > kMaxKnown) there_.clear();
    for (const Digest& digest : claimed) {
      on_way_.erase(digest);
      if (there) there_.insert(digest);
    }
  }
  settled_.notify_all();
}

bool BlobTracker::AwaitOthers(const std::vector<Digest>& digests, const GoOn& go_on) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto none_on_way = [&] {
    return std::none_of(digests.begin(), digests.end(),
                        [this](const Digest& digest) { return on_way_.contains(digest); });
  };
  std::unique_lock lock(mutex_);
  while (!settled_.wait_for(lock, kStep, none_on_way)) {
    lock.unlock();
    const bool wanted = go_on();
    lock.lock();
    if (!wanted || std::chrono::steady_clock::now() > deadline) return false;
  }
  return std::all_of(digests.begin(), digests.end(),
                     [this](const Digest& digest) { return there_.contains(digest); });
}

void BlobTracker::Forget(const std::vector<Digest>& digests) {
  const std::lock_guard lock(mutex_);
  for (const Digest& digest : digests) there_.erase(digest);
}

}  // namespace hpcc
