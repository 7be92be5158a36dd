#ifndef HPCC_AUTH_OAUTH_CLIENT_H_
#define HPCC_AUTH_OAUTH_CLIENT_H_

// How a user or a program gets a token from its identity provider: the grants of OAuth 2.0 that
// need no browser on this machine (RFC 6749 sections 4.3, 4.4 and 6; RFC 8628).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/identity_provider.h"
#include "base/clock.h"
#include "store/http_transfer.h"

namespace hpcc {

inline constexpr size_t kMaxTokenAnswerBytes = 128 << 10;

// Where tokens come from and for whom: what the scheduler says of a tenant, and what only the
// client knows.
struct OAuthProvider {
  std::string issuer;
  std::string token_url;                 // empty: by discovery
  std::string device_authorization_url;  // empty: by discovery
  std::string client_id;
  std::string client_secret;  // empty: a public client. Secret
  std::string scope;          // empty: none asked for
  std::string audience;       // asked for as "audience" when it isn't empty
};

// Secret, but for the time.
struct OAuthTokens {
  std::string access_token;
  std::string id_token;       // empty: none
  std::string refresh_token;  // empty: none
  int64_t expires_s = 0;      // since the epoch, of the access token; 0: it was not said
};

// What a person is shown: open the address, type the code.
struct DeviceAuthorization {
  std::string device_code;  // secret
  std::string user_code;
  std::string verification_url;
  std::string verification_url_complete;  // with the code in it; empty: none
  int64_t expires_s = 0;                  // since the epoch
  std::chrono::seconds interval{5};       // between two questions
};

// Errors: Unauthenticated: the provider refuses the credentials, code or refresh token (the message
// has its "error" word, never what was sent). FailedPrecondition: the provider does not offer the
// grant, or its answer is none. Else as of HttpTransfer and HttpError. Every call is bounded by
// kProviderPatience, discovery included. Thread-safe.
class OAuthClient {
 public:
  // Both outlive the client.
  OAuthClient(HttpTransfer& transfer, Clock& clock) : transfer_(transfer), clock_(clock) {}

  absl::StatusOr<OAuthTokens> Password(const OAuthProvider& provider, std::string_view user,
                                       std::string_view password);
  absl::StatusOr<OAuthTokens> ClientCredentials(const OAuthProvider& provider);
  // The answer keeps `refresh_token` when the provider gave no new one.
  absl::StatusOr<OAuthTokens> Refresh(const OAuthProvider& provider,
                                      std::string_view refresh_token);

  absl::StatusOr<DeviceAuthorization> StartDevice(const OAuthProvider& provider);
  // One question. Nothing: the person has not decided yet; ask again after device->interval, which
  // grows when the provider says so. Unauthenticated: refused. DeadlineExceeded: the code expired.
  absl::StatusOr<std::optional<OAuthTokens>> PollDevice(const OAuthProvider& provider,
                                                        DeviceAuthorization* device);

 private:
  using Form = std::vector<std::pair<std::string_view, std::string_view>>;
  struct Answer;

  absl::StatusOr<std::string> TokenUrl(const OAuthProvider& provider);
  absl::StatusOr<Answer> Post(const OAuthProvider& provider, const std::string& url, Form form);
  absl::StatusOr<OAuthTokens> AskForTokens(const OAuthProvider& provider, Form form);

  HttpTransfer& transfer_;
  Clock& clock_;
};

}  // namespace hpcc

#endif  // HPCC_AUTH_OAUTH_CLIENT_H_
