#include "auth/key_set_cache.h"

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

int64_t Nanoseconds(std::chrono::milliseconds time) {
  return std::chrono::nanoseconds(time).count();
}

}  // namespace

KeySetCache::KeySetCache(Fetch fetch, Clock& clock, const KeySetCacheOptions& options)
    : fetch_(std::move(fetch)), clock_(clock), options_(options) {}

KeySetCache::Need KeySetCache::NeedFor(const ParsedJwt& token, int64_t now_ns) const {
  const int64_t age = now_ns - keys_since_ns_;
  if (keys_ == nullptr || age > Nanoseconds(options_.keep)) return Need::kKeys;
  const std::optional<JwtAlgorithm> algorithm = ParseJwtAlgorithm(token.header.algorithm);
  // A key that is there but for another algorithm is not going to change.
  const bool unknown = algorithm && keys_->Find(token.header.key_id, *algorithm) == nullptr &&
                       !keys_->Has(token.header.key_id);
  if (unknown) return Need::kKeys;
  return age > Nanoseconds(options_.refresh_after) ? Need::kFresher : Need::kNothing;
}

absl::Status KeySetCache::FetchOnce(std::unique_lock<std::mutex>& lock) {
  fetching_ = true;
  tried_ = true;
  tried_ns_ = clock_.MonotonicNanoseconds();
  ++fetches_;
  lock.unlock();
  absl::StatusOr<KeySet> keys = fetch_(options_.patience);
  lock.lock();
  fetching_ = false;
  if (keys.ok()) {
    keys_ = std::make_shared<const KeySet>(*std::move(keys));
    keys_since_ns_ = clock_.MonotonicNanoseconds();
  }
  fetched_.notify_all();
  return keys.status();
}

// Returns with an error only when there are no keys to look at a token with.
absl::Status KeySetCache::EnsureKeys(const ParsedJwt& token) {
  std::unique_lock lock(mutex_);
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  const Need need = NeedFor(token, now_ns);
  if (need == Need::kNothing || (need == Need::kFresher && fetching_)) return absl::OkStatus();
  const bool soon = tried_ && now_ns - tried_ns_ < Nanoseconds(options_.interval);
  absl::Status failed;
  if (fetching_ || !soon) {
    const WaitingRoom::Place place =
        options_.room == nullptr ? WaitingRoom::Place() : options_.room->Enter(options_.provider);
    const bool full = options_.room != nullptr && !place;
    if (fetching_ && (full || waiting_ >= options_.waiters)) {
      return TokenRefused(TokenRefusal::kKeysUnavailable, "its keys are being fetched; try again");
    }
    if (fetching_) {
      ++waiting_;
      fetched_.wait_for(lock, options_.patience, [this] { return !fetching_; });
      --waiting_;
    } else if (full) {
      failed = absl::UnavailableError("many wait for this identity provider already; try again");
    } else {
      failed = FetchOnce(lock);
    }
  }
  if (HaveKeys()) return absl::OkStatus();
  return TokenRefused(
      TokenRefusal::kKeysUnavailable,
      failed.ok() ? "the identity provider's keys can't be had" : std::string(failed.message()));
}

bool KeySetCache::HaveKeys() const {
  return keys_ != nullptr &&
         clock_.MonotonicNanoseconds() - keys_since_ns_ <= Nanoseconds(options_.keep);
}

absl::StatusOr<JwtClaims> KeySetCache::Verify(std::string_view token,
                                              const JwtExpectations& expected) {
  HPCC_ASSIGN_OR_RETURN(ParsedJwt parsed, ParseJwt(token));
  // What no key could verify asks nobody for keys.
  if (!ParseJwtAlgorithm(parsed.header.algorithm)) {
    return TokenRefused(TokenRefusal::kAlgorithmRefused, "its algorithm is not on the list");
  }
  HPCC_RETURN_IF_ERROR(EnsureKeys(parsed));
  std::shared_ptr<const KeySet> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  HPCC_RETURN_IF_ERROR(
      VerifyParsedJwt(parsed, *keys, expected, clock_.NowNanoseconds() / 1'000'000'000));
  return std::move(parsed.claims);
}

uint64_t KeySetCache::fetches() const {
  const std::lock_guard lock(mutex_);
  return fetches_;
}

}  // namespace hpcc
