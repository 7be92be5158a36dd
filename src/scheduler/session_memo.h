#ifndef HPCC_SCHEDULER_SESSION_MEMO_H_
#define HPCC_SCHEDULER_SESSION_MEMO_H_

// Sessions whose signature has been verified, by the digest of the token: verifying one costs more
// than all else a route needs. Nothing is lost when one is forgotten.

#include <mutex>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "auth/routing_token.h"
#include "base/digest.h"
#include "scheduler/limits.h"

namespace hpcc {

// Thread-safe.
class SessionMemo {
 public:
  // Nothing when it isn't known, or has expired.
  std::optional<SessionGrant> Find(std::string_view token, int64_t now_s) const {
    const std::lock_guard lock(mutex_);
    const auto found = grants_.find(Digest::Of(token));
    if (found == grants_.end() || found->second.expires_s <= now_s) return std::nullopt;
    return found->second;
  }

  void Add(std::string_view token, const SessionGrant& grant, int64_t now_s) {
    const std::lock_guard lock(mutex_);
    if (grants_.size() >= kMaxRememberedSessions) {
      absl::erase_if(grants_, [now_s](const auto& each) { return each.second.expires_s <= now_s; });
      if (grants_.size() >= kMaxRememberedSessions) grants_.clear();
    }
    grants_[Digest::Of(token)] = grant;
  }

  // Keys have changed.
  void Clear() {
    const std::lock_guard lock(mutex_);
    grants_.clear();
  }

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<Digest, SessionGrant> grants_;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_SESSION_MEMO_H_
