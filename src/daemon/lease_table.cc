#include "daemon/lease_table.h"

namespace hpcc {

LeaseTable::Lease::~Lease() {
  table_->GiveBack(key_, number_);
}

LeaseTable::Outcome LeaseTable::Take(const Digest& key, int64_t process, uint64_t instead_of) {
  const std::lock_guard lock(mutex_);
  const auto found = holders_.find(key);
  if (found != holders_.end() && found->second.lease != instead_of) {
    return {.lease = nullptr, .holder = found->second};
  }
  const uint64_t number = ++last_number_;
  holders_.insert_or_assign(key, Holder{number, process});
  return {.lease = std::make_unique<Lease>(*this, key, number), .holder = {}};
}

bool LeaseTable::WaitForEndOf(const Digest& key, const Holder& holder,
                              std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    const auto found = holders_.find(key);
    return found == holders_.end() || found->second.lease != holder.lease;
  });
}

void LeaseTable::GiveBack(const Digest& key, uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = holders_.find(key);
    // Somebody else may have taken over.
    if (found != holders_.end() && found->second.lease == number) holders_.erase(found);
    ++ended_;
  }
  changed_.notify_all();
}

uint64_t LeaseTable::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

size_t LeaseTable::held() const {
  const std::lock_guard lock(mutex_);
  return holders_.size();
}

}  // namespace hpcc
