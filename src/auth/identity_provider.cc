#include "auth/identity_provider.h"

#include "absl/status/status.h"
#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/http_url.h"

namespace hpcc {

namespace {

absl::StatusOr<std::string> Get(HttpTransfer& transfer, const std::string& url, size_t max_body,
                                std::chrono::milliseconds bound) {
  HPCC_RETURN_IF_ERROR(CheckProviderUrl(url));
  HttpRequest request;
  request.url = url;
  request.headers = {"Accept: application/json"};
  request.bound = bound;
  request.attempts = 2;
  request.max_body = max_body;
  HPCC_ASSIGN_OR_RETURN(HttpResponse response, transfer.Perform(request));
  if (response.status != 200) return HttpError(response, PrintableUrl(url));
  return std::move(response.body);
}

absl::Status NotUsable(const std::string& url, std::string_view why) {
  return absl::FailedPreconditionError(StrCat(PrintableUrl(url), ": ", why));
}

std::string WithoutSlash(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

absl::Status CheckProviderUrl(std::string_view url) {
  HPCC_ASSIGN_OR_RETURN(const HttpUrl parsed, ParseHttpUrl(url));
  if (parsed.is_https() || IsLoopbackHost(parsed.host)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(PrintableUrl(url), ": write https://; http is for this machine's own addresses only"));
}

absl::StatusOr<ProviderEndpoints> DiscoverProvider(HttpTransfer& transfer,
                                                   const std::string& issuer,
                                                   std::chrono::milliseconds bound) {
  const std::string url = StrCat(WithoutSlash(issuer), "/.well-known/openid-configuration");
  HPCC_ASSIGN_OR_RETURN(const std::string text, Get(transfer, url, kMaxDiscoveryBytes, bound));
  const absl::StatusOr<nlohmann::json> document = ReadJsonObject(text, "the answer");
  if (!document.ok()) return NotUsable(url, std::string(document.status().message()));
  ProviderEndpoints endpoints{JsonText(*document, "issuer"), JsonText(*document, "jwks_uri"),
                              JsonText(*document, "token_endpoint"),
                              JsonText(*document, "device_authorization_endpoint")};
  // OpenID Connect Discovery 1.0, section 4.3.
  if (endpoints.issuer != issuer) return NotUsable(url, "is the document of another issuer");
  for (const std::string& address :
       {endpoints.jwks_url, endpoints.token_url, endpoints.device_authorization_url}) {
    if (!address.empty() && !CheckProviderUrl(address).ok()) {
      return NotUsable(url, "names an address that is not https");
    }
  }
  return endpoints;
}

absl::StatusOr<KeySet> FetchJwks(HttpTransfer& transfer, const std::string& jwks_url,
                                 std::chrono::milliseconds bound) {
  HPCC_ASSIGN_OR_RETURN(const std::string text, Get(transfer, jwks_url, kMaxJwksBytes, bound));
  absl::StatusOr<KeySet> keys = ParseJwks(text);
  if (!keys.ok()) return NotUsable(jwks_url, std::string(keys.status().message()));
  if (keys->empty()) return NotUsable(jwks_url, "has no key for RS256, ES256 or EdDSA");
  return keys;
}

}  // namespace hpcc
