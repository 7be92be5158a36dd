#include "remote/write_queue.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/strings.h"

namespace hpcc {

WriteQueue::WriteQueue(uint64_t max_bytes, int threads) : max_bytes_(max_bytes) {
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
}

WriteQueue::Place WriteQueue::PlaceOf(const Store& tier, const StoreKey& key) {
  return {&tier, key.ns, std::string(key.digest.bytes())};
}

absl::Status WriteQueue::Add(std::shared_ptr<Store> tier, const StoreKey& key, std::string sealed) {
  const Place place = PlaceOf(*tier, key);
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(place);
  const uint64_t replaced = found == waiting_.end() ? 0 : found->second.sealed->size();
  const uint64_t others = bytes_ - replaced;
  if (ending_ || (others != 0 && others + sealed.size() > max_bytes_)) {
    return absl::ResourceExhaustedError("too many results wait to be written");
  }
  bytes_ = others + sealed.size();
  auto value = std::make_shared<const std::string>(std::move(sealed));
  if (found == waiting_.end()) {
    waiting_.emplace(place, Write{std::move(tier), key, std::move(value)});
    order_.push_back(place);
  } else {
    found->second.sealed = std::move(value);
  }
  changed_.notify_all();
  return absl::OkStatus();
}

std::shared_ptr<const std::string> WriteQueue::Find(const Store& tier, const StoreKey& key) const {
  const Place place = PlaceOf(tier, key);
  const std::lock_guard lock(mutex_);
  if (const auto found = waiting_.find(place); found != waiting_.end()) {
    return found->second.sealed;
  }
  const auto found = writing_.find(place);
  return found == writing_.end() ? nullptr : found->second.sealed;
}

void WriteQueue::Drop(const Store& tier, const StoreKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(PlaceOf(tier, key));
  if (found == waiting_.end()) return;
  bytes_ -= found->second.sealed->size();
  waiting_.erase(found);
  changed_.notify_all();
}

bool WriteQueue::Flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return waiting_.empty() && writing_.empty(); });
}

uint64_t WriteQueue::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

uint64_t WriteQueue::values() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + writing_.size();
}

std::deque<WriteQueue::Place>::iterator WriteQueue::Next() {
  return std::find_if(order_.begin(), order_.end(),
                      [this](const Place& place) { return !writing_.contains(place); });
}

void WriteQueue::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || Next() != order_.end(); });
    if (ending_) return;
    const auto next = Next();
    const Place place = *next;
    order_.erase(next);
    const auto found = waiting_.find(place);
    if (found == waiting_.end()) continue;  // dropped meanwhile
    const auto writing = writing_.insert(waiting_.extract(found)).position;
    lock.unlock();
    writing->second.tier->Put(writing->second.key, *writing->second.sealed).IgnoreError();
    lock.lock();
    Write done = std::move(writing->second);
    writing_.erase(writing);
    bytes_ -= done.sealed->size();
    changed_.notify_all();
    lock.unlock();
    done = Write();  // closing a tier takes its time
    lock.lock();
  }
}

}  // namespace hpcc
