#ifndef HPCC_AUTH_TOKEN_REFUSAL_H_
#define HPCC_AUTH_TOKEN_REFUSAL_H_

// Why a token was refused, as a value: it becomes the name of a security event. Statuses carry it
// along, so that everything between keeps using absl::Status.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace hpcc {

enum class TokenRefusal : uint8_t {
  kTooLarge,           // token-too-large
  kMalformed,          // token-malformed: no three parts of base64url, no JSON, a critical header
  kDuplicateClaim,     // token-claim-duplicated: a name twice in header or claims
  kMissingClaim,       // token-claim-missing: also a claim of a wrong type
  kAlgorithmRefused,   // token-algorithm-refused: none, HMAC, and whatever is not on the list
  kUnknownKey,         // token-key-unknown: no key of this name in this key set
  kAlgorithmMismatch,  // token-algorithm-mismatch: the key is for another algorithm
  kSignatureInvalid,   // token-signature-wrong
  kWrongType,          // token-type-wrong: a token of ours made for another purpose
  kWrongIssuer,        // token-issuer-wrong
  kWrongAudience,      // token-audience-wrong
  kExpired,            // token-expired
  kNotYetValid,        // token-not-yet-valid: nbf or iat lie in the future
  kWrongTenant,        // token-tenant-wrong
  kKeysUnavailable,    // token-keys-unavailable: the identity provider does not answer; the token
                       // may be good
};

// Stable kebab-case; the names above.
std::string_view TokenRefusalName(TokenRefusal refusal);

// Unauthenticated ("Unavailable" for kKeysUnavailable), worded "<name>: <detail>". `detail` must
// hold nothing of a token but what may be logged.
absl::Status TokenRefused(TokenRefusal refusal, std::string_view detail);

// The reason a status carries; nullopt when it is not of TokenRefused.
std::optional<TokenRefusal> TokenRefusalOf(const absl::Status& status);

}  // namespace hpcc

#endif  // HPCC_AUTH_TOKEN_REFUSAL_H_
