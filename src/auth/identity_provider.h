#ifndef HPCC_AUTH_IDENTITY_PROVIDER_H_
#define HPCC_AUTH_IDENTITY_PROVIDER_H_

// A tenant's identity provider, spoken to by HTTPS (by HTTP on a loopback address only), with
// everything it says bounded: OpenID Connect Discovery 1.0 and its key set.

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/jwks.h"
#include "store/http_transfer.h"

namespace hpcc {

inline constexpr size_t kMaxDiscoveryBytes = 256 << 10;
inline constexpr std::chrono::milliseconds kProviderPatience{5000};  // for one question

// InvalidArgument unless `url` is https, or http to a loopback address.
absl::Status CheckProviderUrl(std::string_view url);

// What <issuer>/.well-known/openid-configuration says. Empty: not offered.
struct ProviderEndpoints {
  std::string issuer;
  std::string jwks_url;
  std::string token_url;
  std::string device_authorization_url;
};

// FailedPrecondition: the answer is no such document, is for another issuer, or names an address
// that CheckProviderUrl refuses. Else errors as of HttpTransfer and HttpError.
absl::StatusOr<ProviderEndpoints> DiscoverProvider(HttpTransfer& transfer,
                                                   const std::string& issuer,
                                                   std::chrono::milliseconds bound);

// The keys at `jwks_url`; errors likewise.
absl::StatusOr<KeySet> FetchJwks(HttpTransfer& transfer, const std::string& jwks_url,
                                 std::chrono::milliseconds bound);

}  // namespace hpcc

#endif  // HPCC_AUTH_IDENTITY_PROVIDER_H_
