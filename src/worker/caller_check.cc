#include "worker/caller_check.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kScheme = "Bearer ";

Caller CallerOf(const RoutingGrant& grant, std::string_view peer) {
  return {grant.tenant, grant.user, grant.image, grant.scheduler, std::string(peer)};
}

}  // namespace

CallerCheck::CallerCheck(std::string worker, Clock& clock, SecurityEvents& events)
    : worker_(std::move(worker)), clock_(clock), events_(events) {}

absl::Status CallerCheck::SetKeys(std::string_view jwks) {
  {
    const std::lock_guard lock(mutex_);
    if (keys_ != nullptr && jwks == jwks_) return absl::OkStatus();
  }
  HPCC_ASSIGN_OR_RETURN(KeySet keys, ParseJwks(jwks));
  const std::lock_guard lock(mutex_);
  jwks_ = jwks;
  keys_ = std::make_shared<const KeySet>(std::move(keys));
  known_.clear();
  return absl::OkStatus();
}

absl::StatusOr<Caller> CallerCheck::Check(std::string_view authorization, std::string_view peer) {
  const auto refuse = [&](std::string_view why) {
    events_.Report(SecurityEvent::kRoutingTokenRefused,
                   {.tenant = "", .user = "", .peer = std::string(peer), .detail = StrCat(why)});
    return absl::UnauthenticatedError(StrCat("routing token: ", why));
  };
  if (!authorization.starts_with(kScheme)) return refuse("there is none");
  const std::string_view token = authorization.substr(kScheme.size());
  const Digest digest = Digest::Of(token);
  const int64_t now_s = clock_.NowNanoseconds() / 1'000'000'000;
  std::shared_ptr<const KeySet> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
    const auto found = known_.find(digest);
    if (found != known_.end() && now_s < found->second->expires_s) {
      return CallerOf(*found->second, peer);
    }
    if (found != known_.end()) known_.erase(found);
  }
  if (keys == nullptr) return absl::UnavailableError("this worker has no scheduler yet");
  absl::StatusOr<RoutingGrant> grant = VerifyRoutingToken(token, *keys, worker_, now_s);
  if (!grant.ok()) return refuse(std::string(grant.status().message()));
  if (grant->tenant.empty() || grant->image.empty()) return refuse("it names no tenant or image");
  auto good = std::make_shared<const RoutingGrant>(*std::move(grant));
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  if (keys == keys_) known_[digest] = good;
  return CallerOf(*good, peer);
}

}  // namespace hpcc
