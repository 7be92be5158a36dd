#include "auth/routing_token.h"

#include <openssl/rand.h>

#include <initializer_list>
#include <utility>

#include "auth/base64url.h"
#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kIssuer = "hpcc-scheduler";
constexpr std::string_view kSessionType = "hpcc-session+jwt";
constexpr std::string_view kRoutingType = "hpcc-routing+jwt";

std::string WorkerAudience(std::string_view worker) {
  return StrCat("hpcc-worker:", worker);
}

// Names the token in logs; nothing rests on nobody guessing it.
std::string TokenId() {
  unsigned char bytes[12] = {};
  RAND_bytes(bytes, sizeof(bytes));
  return Base64UrlEncode({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
}

// Written out by hand: a route signs one each time.
std::string ClaimsOf(std::initializer_list<std::pair<std::string_view, std::string_view>> texts,
                     std::initializer_list<std::pair<std::string_view, int64_t>> times) {
  std::string claims;
  for (const auto& [name, text] : texts) {
    StrAppend(&claims, claims.empty() ? "{\"" : ",\"", name, "\":", JsonQuoted(text));
  }
  for (const auto& [name, time] : times) StrAppend(&claims, ",\"", name, "\":", time);
  claims.push_back('}');
  return claims;
}

absl::Status CheckPresent(std::initializer_list<std::string_view> values) {
  for (const std::string_view value : values) {
    if (value.empty()) {
      return TokenRefused(TokenRefusal::kMissingClaim, "it does not say who or what it is for");
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string MakeRoutingToken(const SigningKey& key, const RoutingGrant& grant, int64_t now_s) {
  return key.Sign(
      kRoutingType,
      ClaimsOf({{"iss", kIssuer},
                {"aud", WorkerAudience(grant.worker)},
                {"sub", grant.user},
                {"tenant", grant.tenant},
                {"image", grant.image},
                {"scheduler", grant.scheduler},
                {"jti", TokenId()}},
               {{"iat", now_s}, {"nbf", now_s}, {"exp", now_s + kRoutingTokenSeconds}}));
}

absl::StatusOr<RoutingGrant> VerifyRoutingToken(std::string_view token, const KeySet& keys,
                                                std::string_view worker, int64_t now_s) {
  const JwtExpectations expected{.issuer = std::string(kIssuer),
                                 .audience = WorkerAudience(worker),
                                 .type = std::string(kRoutingType)};
  HPCC_ASSIGN_OR_RETURN(const JwtClaims claims, VerifyJwt(token, keys, expected, now_s));
  RoutingGrant grant{.tenant = claims.Text("tenant"),
                     .user = claims.subject,
                     .image = claims.Text("image"),
                     .worker = std::string(worker),
                     .scheduler = claims.Text("scheduler"),
                     .expires_s = claims.expires_s.value_or(0)};
  HPCC_RETURN_IF_ERROR(CheckPresent({grant.tenant, grant.user, grant.image}));
  return grant;
}

std::string MakeSessionToken(const SigningKey& key, const SessionGrant& grant, int64_t now_s) {
  return key.Sign(
      kSessionType,
      ClaimsOf({{"iss", kIssuer}, {"aud", kIssuer}, {"sub", grant.user}, {"tenant", grant.tenant}},
               {{"iat", now_s}, {"exp", grant.expires_s}}));
}

absl::StatusOr<SessionGrant> VerifySessionToken(std::string_view token, const KeySet& keys,
                                                int64_t now_s) {
  const JwtExpectations expected{.issuer = std::string(kIssuer),
                                 .audience = std::string(kIssuer),
                                 .type = std::string(kSessionType)};
  HPCC_ASSIGN_OR_RETURN(const JwtClaims claims, VerifyJwt(token, keys, expected, now_s));
  SessionGrant grant{.tenant = claims.Text("tenant"),
                     .user = claims.subject,
                     .expires_s = claims.expires_s.value_or(0)};
  HPCC_RETURN_IF_ERROR(CheckPresent({grant.tenant, grant.user}));
  return grant;
}

}  // namespace hpcc
