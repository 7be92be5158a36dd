#ifndef HPCC_ADMIN_DEV_TOKEN_DESK_H_
#define HPCC_ADMIN_DEV_TOKEN_DESK_H_

// The token endpoint of the development identity provider, without the HTTP around it: OAuth 2.0
// grants of one user and one program (RFC 6749 sections 4.3, 4.4 and 6), answered by EdDSA JWTs of
// a key that is made at start and never leaves memory.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/signing_key.h"
#include "base/clock.h"
#include "base/digest.h"

namespace hpcc {

struct DevAccounts {
  std::string user;
  std::string password;   // secret
  std::string client_id;  // a public client, which the user's logins come from
  std::string service;    // a confidential client, which logs in by itself
  std::string service_secret;
  // What tokens may be for; one is for the first unless the request names another.
  std::vector<std::string> audiences;
  std::chrono::seconds token_lifetime{3600};
  std::chrono::seconds refresh_lifetime{86'400};
};

// What a form says, by name; repeated names are refused before it is made.
using TokenForm = std::map<std::string, std::string, std::less<>>;

struct TokenAnswer {
  int http_status = 200;
  std::string json;  // secret when the status is 200
};

// Thread-safe.
class DevTokenDesk {
 public:
  // More refresh tokens at a time are not kept: the oldest go.
  static constexpr size_t kMaxRefreshTokens = 1000;

  DevTokenDesk(DevAccounts accounts, std::string issuer, SigningKey key, Clock& clock)
      : accounts_(std::move(accounts)),
        issuer_(std::move(issuer)),
        key_(std::move(key)),
        clock_(clock) {}

  TokenAnswer Answer(const TokenForm& form);
  // The documents of OpenID Connect Discovery 1.0 and RFC 7517.
  std::string Discovery() const;
  std::string Jwks() const;

 private:
  struct Refresh {
    std::string subject;
    std::string client_id;
    std::string audience;
    int64_t expires_s = 0;
  };

  TokenAnswer Password(const TokenForm& form);
  TokenAnswer RefreshGrant(const TokenForm& form);
  TokenAnswer ClientCredentials(const TokenForm& form);
  // An access token, with a refresh token where `refreshable`. `whose`.expires_s is not looked at.
  TokenAnswer Grant(const Refresh& whose, bool refreshable);
  absl::StatusOr<std::string> KeepRefreshToken(const Refresh& whose);
  // Nothing: none of ours.
  std::optional<std::string> Audience(const TokenForm& form) const;
  int64_t NowSeconds() const;

  const DevAccounts accounts_;
  const std::string issuer_;
  const SigningKey key_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Refresh> refresh_tokens_;  // by the digest of the token
};

}  // namespace hpcc

#endif  // HPCC_ADMIN_DEV_TOKEN_DESK_H_
