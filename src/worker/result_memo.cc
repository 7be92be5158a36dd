#include "worker/result_memo.h"

#include <iterator>
#include <utility>

namespace hpcc {

namespace {

// What an entry takes beside its bundle and the names in it.
constexpr size_t kEntryBytes = 512;

size_t BytesOf(const StoredResult& result) {
  size_t bytes = kEntryBytes + result.bundle.size() + result.isolation.size();
  for (const AuditOutput& output : result.outputs) bytes += sizeof(output) + output.role.size();
  return bytes;
}

}  // namespace

void ResultMemo::Drop(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  places_.erase(entry->key);
  entries_.erase(entry);
}

std::shared_ptr<const StoredResult> ResultMemo::Find(const Digest& key, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return nullptr;
  const Entries::iterator entry = found->second;
  std::shared_ptr<const StoredResult> result = entry->held.lock();
  if (result == nullptr || now_ns - entry->added_ns >= std::chrono::nanoseconds(kBelieve).count()) {
    Drop(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return result;
}

std::shared_ptr<const StoredResult> ResultMemo::Add(const Digest& key,
                                                    std::shared_ptr<const StoredResult> result,
                                                    int64_t now_ns) {
  const bool is_large = BytesOf(*result) > max_bytes_ / 16;
  const size_t bytes = is_large ? kEntryBytes : BytesOf(*result);
  const std::lock_guard lock(mutex_);
  if (const auto found = places_.find(key); found != places_.end()) {
    if (is_large) {
      if (std::shared_ptr<const StoredResult> held = found->second->held.lock()) result = held;
    }
    Drop(found->second);
  }
  entries_.push_front({key, is_large ? nullptr : result, result, bytes, now_ns});
  places_[key] = entries_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_) Drop(std::prev(entries_.end()));
  return result;
}

size_t ResultMemo::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hpcc
