#include "auth/oauth_client.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/status/status.h"
#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/http_url.h"
#include "store/percent_encoding.h"

namespace hpcc {

namespace {

using nlohmann::json;

constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr int64_t kMaxDeviceSeconds = 3600;
constexpr int64_t kMaxInterval = 120;
constexpr std::chrono::seconds kSlowDown{5};  // RFC 8628, section 3.5
constexpr size_t kMaxErrorWord = 64;
constexpr size_t kMaxShown = 2048;

absl::Status NotUsable(const std::string& url, std::string_view why) {
  return absl::FailedPreconditionError(StrCat(PrintableUrl(url), ": ", why));
}

// The provider's "error": one of the words of RFC 6749, or nothing that can be printed.
std::string ErrorWord(const json& object) {
  const std::string word = JsonText(object, "error");
  const bool fits = word.size() <= kMaxErrorWord &&
                    std::all_of(word.begin(), word.end(),
                                [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return fits ? word : std::string();
}

// What a person is to read or a browser to open.
bool CanBeShown(std::string_view text) {
  return !text.empty() && text.size() <= kMaxShown &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

int64_t Number(const json& object, const char* name, int64_t otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  // Some providers write numbers as text.
  if (found->is_string()) return std::atoll(found->get_ref<const std::string&>().c_str());
  return JsonSeconds(*found).value_or(otherwise);
}

std::string Encode(const std::vector<std::pair<std::string_view, std::string_view>>& form) {
  std::string body;
  for (const auto& [name, value] : form) {
    StrAppend(&body, body.empty() ? "" : "&", name, "=", PercentEncode(value));
  }
  return body;
}

absl::StatusOr<OAuthTokens> ReadTokens(const json& object, const std::string& url, int64_t now_s) {
  OAuthTokens tokens{JsonText(object, "access_token"), JsonText(object, "id_token"),
                     JsonText(object, "refresh_token"), 0};
  if (tokens.access_token.empty()) return NotUsable(url, "the answer has no access_token");
  if (AsciiLower(JsonText(object, "token_type")) != "bearer") {
    return NotUsable(url, "the answer is no bearer token");
  }
  const int64_t seconds = Number(object, "expires_in", 0);
  if (seconds > 0) tokens.expires_s = now_s + seconds;
  return tokens;
}

}  // namespace

struct OAuthClient::Answer {
  int status = 0;
  json object;
  std::string error;  // of the answer; empty for a success
};

absl::StatusOr<std::string> OAuthClient::TokenUrl(const OAuthProvider& provider) {
  if (!provider.token_url.empty()) return provider.token_url;
  HPCC_ASSIGN_OR_RETURN(const ProviderEndpoints endpoints,
                        DiscoverProvider(transfer_, provider.issuer, kProviderPatience));
  if (endpoints.token_url.empty()) {
    return NotUsable(provider.issuer, "its discovery document has no token_endpoint");
  }
  return endpoints.token_url;
}

absl::StatusOr<OAuthClient::Answer> OAuthClient::Post(const OAuthProvider& provider,
                                                      const std::string& url, Form form) {
  HPCC_RETURN_IF_ERROR(CheckProviderUrl(url));
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"};
  request.bound = kProviderPatience;
  // A grant that was used up by an answer that got lost can't be used again.
  request.attempts = 1;
  request.max_body = kMaxTokenAnswerBytes;
  if (provider.client_secret.empty()) {
    form.emplace_back("client_id", provider.client_id);
  } else {
    // RFC 6749, section 2.3.1: both are encoded before they become a user and a password.
    request.user = PercentEncode(provider.client_id);
    request.password = PercentEncode(provider.client_secret);
  }
  std::string body = Encode(form);
  request.body = body;
  const absl::StatusOr<HttpResponse> response = transfer_.Perform(request);
  OPENSSL_cleanse(body.data(), body.size());
  if (!response.ok()) return response.status();

  Answer answer;
  answer.status = response->status;
  const JsonProblem problem = ParseJsonObject(response->body, &answer.object);
  const bool readable = problem == JsonProblem::kNone;
  if (response->status == 200) {
    if (!readable) return NotUsable(url, "the answer is no JSON object");
    return answer;
  }
  if (readable) answer.error = ErrorWord(answer.object);
  const bool refused =
      response->status == 400 || response->status == 401 || response->status == 403;
  if (!refused) return HttpError(*response, PrintableUrl(url));
  if (answer.error.empty()) answer.error = StrCat("status ", response->status);
  return answer;
}

absl::StatusOr<OAuthTokens> OAuthClient::AskForTokens(const OAuthProvider& provider, Form form) {
  if (!provider.scope.empty()) form.emplace_back("scope", provider.scope);
  if (!provider.audience.empty()) form.emplace_back("audience", provider.audience);
  HPCC_ASSIGN_OR_RETURN(const std::string url, TokenUrl(provider));
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Post(provider, url, std::move(form)));
  if (answer.error == "unsupported_grant_type" || answer.error == "unauthorized_client") {
    return NotUsable(url, StrCat("the provider does not offer this to the client: ", answer.error));
  }
  if (!answer.error.empty()) {
    return absl::UnauthenticatedError(
        StrCat(PrintableUrl(url), ": the identity provider refuses: ", answer.error));
  }
  return ReadTokens(answer.object, url, clock_.NowNanoseconds() / 1'000'000'000);
}

absl::StatusOr<OAuthTokens> OAuthClient::Password(const OAuthProvider& provider,
                                                  std::string_view user,
                                                  std::string_view password) {
  return AskForTokens(provider,
                      {{"grant_type", "password"}, {"username", user}, {"password", password}});
}

absl::StatusOr<OAuthTokens> OAuthClient::ClientCredentials(const OAuthProvider& provider) {
  return AskForTokens(provider, {{"grant_type", "client_credentials"}});
}

absl::StatusOr<OAuthTokens> OAuthClient::Refresh(const OAuthProvider& provider,
                                                 std::string_view refresh_token) {
  HPCC_ASSIGN_OR_RETURN(
      OAuthTokens tokens,
      AskForTokens(provider, {{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}}));
  if (tokens.refresh_token.empty()) tokens.refresh_token = refresh_token;
  return tokens;
}

absl::StatusOr<DeviceAuthorization> OAuthClient::StartDevice(const OAuthProvider& provider) {
  std::string url = provider.device_authorization_url;
  if (url.empty()) {
    HPCC_ASSIGN_OR_RETURN(const ProviderEndpoints endpoints,
                          DiscoverProvider(transfer_, provider.issuer, kProviderPatience));
    url = endpoints.device_authorization_url;
  }
  if (url.empty()) return NotUsable(provider.issuer, "it offers no device authorization");
  Form form;
  if (!provider.scope.empty()) form.emplace_back("scope", provider.scope);
  if (!provider.audience.empty()) form.emplace_back("audience", provider.audience);
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Post(provider, url, std::move(form)));
  if (!answer.error.empty()) {
    return absl::UnauthenticatedError(
        StrCat(PrintableUrl(url), ": the identity provider refuses: ", answer.error));
  }
  DeviceAuthorization device{JsonText(answer.object, "device_code"),
                             JsonText(answer.object, "user_code"),
                             JsonText(answer.object, "verification_uri"),
                             JsonText(answer.object, "verification_uri_complete")};
  if (device.device_code.empty() || !CanBeShown(device.user_code) ||
      !CanBeShown(device.verification_url) || !CheckProviderUrl(device.verification_url).ok()) {
    return NotUsable(url, "the answer is no device authorization");
  }
  if (!CanBeShown(device.verification_url_complete)) device.verification_url_complete.clear();
  device.expires_s =
      clock_.NowNanoseconds() / 1'000'000'000 +
      std::clamp<int64_t>(Number(answer.object, "expires_in", 600), 1, kMaxDeviceSeconds);
  device.interval = std::chrono::seconds(
      std::clamp<int64_t>(Number(answer.object, "interval", 5), 1, kMaxInterval));
  return device;
}

absl::StatusOr<std::optional<OAuthTokens>> OAuthClient::PollDevice(const OAuthProvider& provider,
                                                                   DeviceAuthorization* device) {
  const int64_t now_s = clock_.NowNanoseconds() / 1'000'000'000;
  const absl::Status expired = absl::DeadlineExceededError("the code has expired; begin again");
  if (now_s >= device->expires_s) return expired;
  HPCC_ASSIGN_OR_RETURN(const std::string url, TokenUrl(provider));
  HPCC_ASSIGN_OR_RETURN(
      const Answer answer,
      Post(provider, url, {{"grant_type", kDeviceGrant}, {"device_code", device->device_code}}));
  if (answer.error == "authorization_pending") return std::nullopt;
  if (answer.error == "slow_down") {
    device->interval = std::min(device->interval + kSlowDown, std::chrono::seconds(kMaxInterval));
    return std::nullopt;
  }
  if (answer.error == "expired_token") return expired;
  if (!answer.error.empty()) {
    return absl::UnauthenticatedError(
        StrCat(PrintableUrl(url), ": the identity provider refuses: ", answer.error));
  }
  HPCC_ASSIGN_OR_RETURN(OAuthTokens tokens, ReadTokens(answer.object, url, now_s));
  return tokens;
}

}  // namespace hpcc
