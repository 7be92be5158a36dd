#ifndef HPCC_AUTH_JWT_H_
#define HPCC_AUTH_JWT_H_

// Signed JSON Web Tokens (RFC 7519, RFC 7515), in the compact form only:
//
//   token     = part "." part "." part           at most kMaxTokenBytes
//   part      = base64url without padding (RFC 4648, section 5); no byte besides
//   1st part  = header: a JSON object; "alg" and "kid" are looked at, "crit" is refused, keys and
//               addresses of keys ("jwk", "jku", "x5c", "x5u") mean nothing
//   2nd part  = claims: a JSON object, at most kMaxTokenClaims members, no name twice
//   3rd part  = signature over the first two with the "." between them
//
// Which algorithm verifies a token is the business of the key (auth/jwks.h): a token whose "alg"
// says otherwise is refused, and "none" and HMAC are no algorithms here. Refusals carry a
// TokenRefusal (auth/token_refusal.h). Nothing of a token's secrets is in any message.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/jwks.h"
#include "auth/token_refusal.h"

namespace hpcc {

inline constexpr size_t kMaxTokenBytes = 16 << 10;
inline constexpr size_t kMaxTokenClaims = 128;
// How far two clocks may be apart, at most; for exp, nbf and iat.
inline constexpr int64_t kDefaultSkewSeconds = 60;
inline constexpr int64_t kMaxSkewSeconds = 300;

struct JwtHeader {
  std::string algorithm;  // "alg" as the token has it
  std::string key_id;     // "kid"; empty: none
  std::string type;       // "typ"; empty: none
};

struct JwtClaims {
  std::string issuer;                 // empty: none
  std::string subject;                // empty: none
  std::vector<std::string> audience;  // of one text or an array of texts
  std::optional<int64_t> expires_s;   // seconds since the epoch, fractions cut off
  std::optional<int64_t> not_before_s;
  std::optional<int64_t> issued_s;
  // All other claims whose value is text, by name.
  std::map<std::string, std::string, std::less<>> texts;

  // The text of a claim ("sub" included); empty when there is none.
  std::string Text(std::string_view name) const;
};

// A token taken apart and not verified: only its header may be acted on.
struct ParsedJwt {
  JwtHeader header;
  JwtClaims claims;
  std::string_view signed_part;  // points into the token
  std::string signature;
};
absl::StatusOr<ParsedJwt> ParseJwt(std::string_view token);

struct JwtExpectations {
  std::string issuer;    // must be equal
  std::string audience;  // must be among the token's
  std::string type;      // "typ" must be this, in any case of letters; empty: is not looked at
  int64_t skew_s = kDefaultSkewSeconds;  // at most kMaxSkewSeconds count
};

// The claims, when the token is signed by a key of the set and says what is expected at `now_s`
// (seconds since the epoch). iss, aud and exp must be there; nbf and iat are checked if they are.
absl::StatusOr<JwtClaims> VerifyJwt(std::string_view token, const KeySet& keys,
                                    const JwtExpectations& expected, int64_t now_s);
// The same for a token that has been parsed.
absl::Status VerifyParsedJwt(const ParsedJwt& token, const KeySet& keys,
                             const JwtExpectations& expected, int64_t now_s);

}  // namespace hpcc

#endif  // HPCC_AUTH_JWT_H_
