#include "remote/write_queue.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int kMostDoublings = 10;

}  // namespace

WriteQueue::WriteQueue(uint64_t max_bytes, int threads, const WritePatience& patience)
    : max_bytes_(max_bytes), patience_(patience) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WriteQueue::~WriteQueue() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (!waiting_.empty()) {
      Log(LogLevel::kWarning, StrCat(waiting_.size(), " results were not written in time"));
    }
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (const auto& [place, write] : waiting_) write.tier->CountDropped();
}

WriteQueue::Place WriteQueue::PlaceOf(const RemoteObjects& tier, const StoreKey& key) {
  return {&tier, key.ns, std::string(key.digest.bytes())};
}

absl::Status WriteQueue::Add(std::shared_ptr<RemoteObjects> tier, const StoreKey& key,
                             std::string sealed) {
  const Place place = PlaceOf(*tier, key);
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(place);
  const uint64_t replaced = found == waiting_.end() ? 0 : found->second.sealed->size();
  const uint64_t others = bytes_ - replaced;
  if (ending_ || (others != 0 && others + sealed.size() > max_bytes_)) {
    return absl::ResourceExhaustedError("too many results wait to be written");
  }
  bytes_ = others + sealed.size();
  Write write{std::move(tier), key, std::make_shared<const std::string>(std::move(sealed)), now_ns};
  if (found == waiting_.end()) {
    waiting_.emplace(place, std::move(write));
    order_.push_back(place);
  } else {
    // Where it stands, or for as long as it is held back.
    found->second = std::move(write);
  }
  changed_.notify_all();
  return absl::OkStatus();
}

std::shared_ptr<const std::string> WriteQueue::Find(const RemoteObjects& tier,
                                                    const StoreKey& key) const {
  const Place place = PlaceOf(tier, key);
  const std::lock_guard lock(mutex_);
  if (const auto found = waiting_.find(place); found != waiting_.end()) {
    return found->second.sealed;
  }
  const auto found = writing_.find(place);
  return found == writing_.end() ? nullptr : found->second.sealed;
}

void WriteQueue::Drop(const RemoteObjects& tier, const StoreKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(PlaceOf(tier, key));
  if (found == waiting_.end()) return;
  bytes_ -= found->second.sealed->size();
  waiting_.erase(found);
  changed_.notify_all();
}

bool WriteQueue::Flush(milliseconds patience, milliseconds longest_hold) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const int64_t deadline_ns = clock_.MonotonicNanoseconds() + nanoseconds(patience).count();
  std::unique_lock lock(mutex_);
  const auto written = [this] { return waiting_.empty() && writing_.empty(); };
  const auto in_vain = [&] {
    return writing_.empty() && order_.empty() && !held_.empty() &&
           held_.begin()->first > std::min(deadline_ns, clock_.MonotonicNanoseconds() +
                                                            nanoseconds(longest_hold).count());
  };
  changed_.wait_until(lock, deadline, [&] { return written() || in_vain(); });
  return written();
}

uint64_t WriteQueue::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

uint64_t WriteQueue::values() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + writing_.size();
}

void WriteQueue::Release() {
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  while (!held_.empty() && held_.begin()->first <= now_ns) {
    order_.push_back(std::move(held_.begin()->second));
    held_.erase(held_.begin());
  }
}

WriteQueue::Order::iterator WriteQueue::Next() {
  return std::find_if(order_.begin(), order_.end(),
                      [this](const Place& place) { return !writing_.contains(place); });
}

void WriteQueue::Wait(std::unique_lock<std::mutex>& lock) {
  if (held_.empty()) {
    changed_.wait(lock);
    return;
  }
  const nanoseconds rest(held_.begin()->first - clock_.MonotonicNanoseconds());
  changed_.wait_for(lock, std::max<nanoseconds>(rest, milliseconds(1)));
}

void WriteQueue::Work() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    Release();
    const auto next = Next();
    if (next == order_.end()) {
      Wait(lock);
      continue;
    }
    const Place place = *next;
    order_.erase(next);
    const auto found = waiting_.find(place);
    if (found == waiting_.end()) continue;  // dropped meanwhile
    const auto writing = writing_.insert(waiting_.extract(found)).position;
    lock.unlock();
    int64_t not_before_ns = 0;
    const Outcome outcome = Try(writing->second, &not_before_ns);
    lock.lock();
    Write done = std::move(writing->second);
    writing_.erase(writing);
    std::shared_ptr<RemoteObjects> tier = done.tier;
    Finish(place, std::move(done), outcome, not_before_ns);
    changed_.notify_all();
    lock.unlock();
    tier.reset();  // closing a tier takes its time
    lock.lock();
  }
}

WriteQueue::Outcome WriteQueue::Try(Write& write, int64_t* not_before_ns) {
  nanoseconds rest = write.tier->WritesHeldUpFor();
  bool worth_another = !write.tier->WritesAreHopeless();
  if (rest.count() == 0) {
    const PutOutcome put = write.tier->TryPut(write.key, *write.sealed);
    if (put.status.ok()) return Outcome::kDone;
    worth_another = put.worth_another;
    if (put.tried) ++write.attempts;
    const int doublings = std::clamp(write.attempts - 1, 0, kMostDoublings);
    rest = std::max<nanoseconds>(write.tier->WritesHeldUpFor(),
                                 patience_.first_rest * (1 << doublings));
  }
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  const bool too_long = now_ns - write.taken_ns > nanoseconds(patience_.longest).count();
  if (!worth_another || too_long || write.attempts >= patience_.attempts) return Outcome::kGivenUp;
  *not_before_ns = now_ns + rest.count();
  return Outcome::kLater;
}

void WriteQueue::Finish(const Place& place, Write write, Outcome outcome, int64_t not_before_ns) {
  // A later value for the same place makes this one needless.
  const bool replaced = waiting_.contains(place);
  if (outcome == Outcome::kLater && !replaced) {
    waiting_.emplace(place, std::move(write));
    held_.emplace(not_before_ns, place);
    return;
  }
  bytes_ -= write.sealed->size();
  if (outcome == Outcome::kGivenUp) write.tier->CountDropped();
}

}  // namespace hpcc
