// Any bytes are parsed or refused as a token, and none of them is accepted: the key they would have
// to be signed with is made for this run and signs nothing.

#include <cstdlib>

#include "auth/auth_test_support.h"
#include "auth/jwt.h"
#include "auth/routing_token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hpcc;
  static const KeySet keys = [] {
    const ProviderKey rsa = ProviderKey::Rsa("r");
    const ProviderKey ec = ProviderKey::Ec("e");
    const ProviderKey ed = ProviderKey::Ed("d");
    return *ParseJwks(JwksOf({&rsa, &ec, &ed}));
  }();
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  const JwtExpectations expected{.issuer = "https://idp.example", .audience = "hpcc"};
  const absl::StatusOr<JwtClaims> claims = VerifyJwt(token, keys, expected, kTestNow);
  if (claims.ok() || !TokenRefusalOf(claims.status())) std::abort();
  if (VerifyRoutingToken(token, keys, "w", kTestNow).ok()) std::abort();
  const absl::StatusOr<ParsedJwt> parsed = ParseJwt(token);
  if (!parsed.ok()) return 0;
  // What was parsed is what was signed: all of the token but its signature.
  if (!token.starts_with(parsed->signed_part) ||
      token.substr(parsed->signed_part.size() + 1) != Base64UrlEncode(parsed->signature)) {
    std::abort();
  }
  return 0;
}
