#ifndef HPCC_AUTH_KEY_SET_CACHE_H_
#define HPCC_AUTH_KEY_SET_CACHE_H_

// The key set of one tenant's identity provider, fetched when it is needed and kept.
//
//  - A token of a known key is never kept waiting: while keys are fetched anew, those at hand
//  serve.
//  - An unknown `kid` has the set fetched again, at most once per `interval`; until then it is
//    unknown. So strangers can't make us hammer anybody's identity provider.
//  - Keys older than `refresh_after` are fetched again by the next token; when that fails they
//    serve on until `keep`, and then no token is accepted until the provider answers.
//  - One fetch at a time, bounded by `patience`. At most `waiters` calls wait for it; more are told
//    kKeysUnavailable at once. A provider that is down or slow thus holds few threads, briefly.
//
// One object per tenant. They share nothing but a room to wait in, where each provider's callers
// have their own share: none takes another with it.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/jwks.h"
#include "auth/jwt.h"
#include "auth/waiting_room.h"
#include "base/clock.h"

namespace hpcc {

struct KeySetCacheOptions {
  std::chrono::milliseconds interval{30'000};
  std::chrono::milliseconds refresh_after{600'000};
  std::chrono::milliseconds keep{86'400'000};
  std::chrono::milliseconds patience{5'000};
  int waiters = 4;
  // Where those who fetch and those who wait for them are counted, as waiting for `provider`. Null:
  // nowhere. With no place there, no keys are fetched.
  std::shared_ptr<WaitingRoom> room;
  std::string provider;
};

// Thread-safe.
class KeySetCache {
 public:
  // Fetches the set within the bound; called by one thread at a time.
  using Fetch = std::function<absl::StatusOr<KeySet>(std::chrono::milliseconds bound)>;

  KeySetCache(Fetch fetch, Clock& clock, const KeySetCacheOptions& options = {});

  // As VerifyJwt, with the provider's keys; fetches them where the rules above say so.
  absl::StatusOr<JwtClaims> Verify(std::string_view token, const JwtExpectations& expected);

  uint64_t fetches() const;

 private:
  enum class Need : uint8_t { kNothing, kFresher, kKeys };

  Need NeedFor(const ParsedJwt& token, int64_t now_ns) const;
  absl::Status FetchOnce(std::unique_lock<std::mutex>& lock);
  absl::Status EnsureKeys(const ParsedJwt& token);
  bool HaveKeys() const;  // mutex_ is held

  const Fetch fetch_;
  Clock& clock_;
  const KeySetCacheOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable fetched_;
  std::shared_ptr<const KeySet> keys_;  // null: never had any
  int64_t keys_since_ns_ = 0;           // monotonic
  int64_t tried_ns_ = 0;
  bool tried_ = false;
  bool fetching_ = false;
  int waiting_ = 0;
  uint64_t fetches_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_AUTH_KEY_SET_CACHE_H_
