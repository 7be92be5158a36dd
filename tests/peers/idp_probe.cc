// What a real identity provider's tokens are worth to a tenant. Driven by
// tests/peers/glewlwyd_test.py:
//
//   idp_probe CA_FILE ISSUER CLIENT_ID SCOPE AUDIENCE USER
//
// Reads the user's password and the client's secret, a line each, asks for a token by the password
// grant (addresses by discovery), refreshes it, and verifies what came with the provider's
// published keys. Prints "user=<preferred_username> alg=<algorithm> token=<token>" or the error,
// and ends with 0 or 1.

#include <cstdio>
#include <iostream>
#include <string>

#include "auth/identity_provider.h"
#include "auth/jwt.h"
#include "auth/key_set_cache.h"
#include "auth/oauth_client.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {
namespace {

absl::StatusOr<std::string> Probe(char** argv, const std::string& password,
                                  const std::string& secret) {
  Clock& clock = Clock::Real();
  HttpTransfer transfer({.ca_file = argv[1]}, clock);
  OAuthClient client(transfer, clock);
  const OAuthProvider provider{
      .issuer = argv[2], .client_id = argv[3], .client_secret = secret, .scope = argv[4]};
  HPCC_ASSIGN_OR_RETURN(OAuthTokens tokens, client.Password(provider, argv[6], password));
  if (!tokens.refresh_token.empty()) {
    HPCC_ASSIGN_OR_RETURN(tokens, client.Refresh(provider, tokens.refresh_token));
  }
  KeySetCache keys(
      [&](std::chrono::milliseconds bound) -> absl::StatusOr<KeySet> {
        HPCC_ASSIGN_OR_RETURN(const ProviderEndpoints endpoints,
                              DiscoverProvider(transfer, provider.issuer, bound));
        return FetchJwks(transfer, endpoints.jwks_url, bound);
      },
      clock);
  HPCC_ASSIGN_OR_RETURN(
      const JwtClaims claims,
      keys.Verify(tokens.access_token, {.issuer = provider.issuer, .audience = argv[5]}));
  return StrCat("user=", claims.Text("preferred_username"),
                " alg=", ParseJwt(tokens.access_token)->header.algorithm,
                " token=", tokens.access_token);
}

}  // namespace
}  // namespace hpcc

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  std::string password;
  std::string secret;
  std::getline(std::cin, password);
  std::getline(std::cin, secret);
  const absl::StatusOr<std::string> outcome = hpcc::Probe(argv, password, secret);
  const std::string line = outcome.ok() ? *outcome : std::string(outcome.status().message());
  printf("%s\n", line.c_str());
  return outcome.ok() ? 0 : 1;
}
