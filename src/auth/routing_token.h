#ifndef HPCC_AUTH_ROUTING_TOKEN_H_
#define HPCC_AUTH_ROUTING_TOKEN_H_

// The two tokens a scheduler signs, both EdDSA JWTs of its key ring:
//
//   session   typ "hpcc-session+jwt"  iss "hpcc-scheduler"  aud "hpcc-scheduler"
//             sub: the user  tenant  iat  exp
//   routing   typ "hpcc-routing+jwt"  iss "hpcc-scheduler"  aud "hpcc-worker:" and the worker's
//   name
//             sub: the user  tenant  image  scheduler  iat  nbf  exp  jti
//
// A worker verifies routing tokens with the keys the scheduler hands it when it registers and with
// each heartbeat, as a JWKS document (auth/jwks.h). Refusals as of auth/jwt.h.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/jwks.h"
#include "auth/jwt.h"
#include "auth/signing_key.h"

namespace hpcc {

inline constexpr int64_t kRoutingTokenSeconds = 300;

// For one tenant, user, image and worker, until it expires.
struct RoutingGrant {
  std::string tenant;
  std::string user;
  std::string image;      // "host", or a reference with its digest
  std::string worker;     // its name
  std::string scheduler;  // the name of the one that signed; for audit rows
  int64_t expires_s = 0;  // since the epoch
};

// Expires kRoutingTokenSeconds after `now_s`; grant.expires_s is not looked at.
std::string MakeRoutingToken(const SigningKey& key, const RoutingGrant& grant, int64_t now_s);

// kWrongAudience: made for another worker. Tenant and image are the caller's to compare with what
// is asked for.
absl::StatusOr<RoutingGrant> VerifyRoutingToken(std::string_view token, const KeySet& keys,
                                                std::string_view worker, int64_t now_s);

// Who somebody is, for the scheduler alone.
struct SessionGrant {
  std::string tenant;
  std::string user;
  int64_t expires_s = 0;  // since the epoch
};

std::string MakeSessionToken(const SigningKey& key, const SessionGrant& grant, int64_t now_s);

absl::StatusOr<SessionGrant> VerifySessionToken(std::string_view token, const KeySet& keys,
                                                int64_t now_s);

}  // namespace hpcc

#endif  // HPCC_AUTH_ROUTING_TOKEN_H_
