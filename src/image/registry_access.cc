#include "image/registry_access.h"

#include <algorithm>

#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/http_url.h"
#include "store/percent_encoding.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kPingBound{10'000};
constexpr std::chrono::milliseconds kTokenBound{30'000};
constexpr uint64_t kMaxTokenAnswer = 256 << 10;
constexpr size_t kMaxTokenBytes = 128 << 10;
constexpr int kMaxRedirects = 5;
// What the token specification says holds where the service doesn't, and how much of a token's life
// is left alone: a request may be on its way for a while.
constexpr int64_t kTokenSeconds = 60;
constexpr int64_t kTokenMarginSeconds = 10;
constexpr int64_t kMaxTokenSeconds = 3600;
constexpr int64_t kSecond = 1'000'000'000;

std::string ServerOf(const std::string& host) {
  return host == "docker.io" ? "registry-1.docker.io" : host;
}

bool IsLoopback(const std::string& host) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(StrCat("http://", host));
  return url.ok() && IsLoopbackHost(url->host);
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// RFC 6750, section 2.1: nothing that could end the header line.
bool IsToken(std::string_view token) {
  return !token.empty() && token.size() <= kMaxTokenBytes &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// Plain HTTP goes to loopback only, and a proxy is somebody in between.
HttpTransferOptions WithoutPlainProxy(HttpTransferOptions options) {
  options.network.http_proxy.clear();
  return options;
}

// Scheme, host and port are the same (RFC 6454).
bool IsSameOrigin(const std::string& url, const std::string& other) {
  const absl::StatusOr<HttpUrl> a = ParseHttpUrl(url);
  const absl::StatusOr<HttpUrl> b = ParseHttpUrl(other);
  const auto port = [](const HttpUrl& parsed) {
    return parsed.port.empty() ? std::string(parsed.is_https() ? "443" : "80") : parsed.port;
  };
  return a.ok() && b.ok() && a->scheme == b->scheme && a->host == b->host && port(*a) == port(*b);
}

std::string OriginOf(const std::string& url) {
  const absl::StatusOr<HttpUrl> parsed = ParseHttpUrl(url);
  return parsed.ok() ? parsed->Origin() : std::string();
}

}  // namespace

RegistryAccess::RegistryAccess(const std::string& host, const std::string& repository,
                               const HttpTransferOptions& options,
                               std::optional<RegistryCredentials> credentials, Clock& clock)
    : host_(host),
      repository_(repository),
      loopback_(IsLoopback(host)),
      demands_tls_(!options.ca_file.empty()),
      credentials_(std::move(credentials)),
      clock_(clock),
      transfer_(WithoutPlainProxy(options), clock) {}

// Only on loopback is there anything to find out: a registry there rarely has a certificate.
absl::StatusOr<std::string> RegistryAccess::Origin() {
  const std::lock_guard lock(origin_mutex_);
  if (!origin_.empty()) return origin_;
  const std::string server = ServerOf(host_);
  if (loopback_ && !demands_tls_) {
    HttpRequest ping;
    ping.url = StrCat("http://", server, "/v2/");
    ping.bound = kPingBound;
    ping.max_body = kMaxTokenAnswer;
    const absl::StatusOr<HttpResponse> answer = transfer_.Perform(ping);
    if (answer.ok() && (answer->status == 200 || answer->status == 401)) {
      return origin_ = StrCat("http://", server);
    }
  }
  return origin_ = StrCat("https://", server);
}

RegistryAccess::Proof RegistryAccess::CurrentProof() {
  const std::lock_guard lock(proof_mutex_);
  if (clock_.MonotonicNanoseconds() >= proof_.token_expires_ns) proof_.token.clear();
  return proof_;
}

absl::StatusOr<HttpResponse> RegistryAccess::Get(const std::string& path,
                                                 const HttpRequest& request) {
  Proof proof = CurrentProof();
  HPCC_ASSIGN_OR_RETURN(HttpResponse response, AskOnce(path, request, proof));
  if (response.status != 401) return response;
  HPCC_RETURN_IF_ERROR(Renew(response, proof));
  HPCC_ASSIGN_OR_RETURN(response, AskOnce(path, request, CurrentProof()));
  if (response.status == 401) return Refused(/*by_token_service=*/false);
  return response;
}

absl::StatusOr<HttpResponse> RegistryAccess::AskOnce(const std::string& path,
                                                     const HttpRequest& request,
                                                     const Proof& proof) {
  HPCC_ASSIGN_OR_RETURN(const std::string origin, Origin());
  HttpRequest full = request;
  full.url = StrCat(origin, path);
  if (!proof.token.empty()) {
    full.headers.push_back(StrCat("Authorization: Bearer ", proof.token));
  } else if (proof.basic && credentials_) {
    full.user = credentials_->user;
    full.password = credentials_->password;
  }
  HPCC_ASSIGN_OR_RETURN(HttpResponse response, transfer_.Perform(full));
  if (!IsRedirect(response.status)) return response;
  return FollowRedirects(std::move(full), std::move(response), request);
}

// Registries hand blobs over to a storage service, whose addresses carry their own signature. No
// proof goes there, nor anywhere else one is sent, nor from there back to the registry: what the
// registry itself says about its own addresses is all that keeps it.
absl::StatusOr<HttpResponse> RegistryAccess::FollowRedirects(HttpRequest request,
                                                             HttpResponse response,
                                                             const HttpRequest& without_proof) {
  bool at_home = true;
  for (int hop = 0; IsRedirect(response.status); ++hop) {
    if (hop == kMaxRedirects) {
      return absl::FailedPreconditionError(
          StrCat(host_, ": sent on more than ", kMaxRedirects, " times"));
    }
    std::string target(response.Header("location"));
    if (target.starts_with("/") && !target.starts_with("//")) {
      target = StrCat(OriginOf(request.url), target);
    }
    HPCC_RETURN_IF_ERROR(CheckTarget(target));
    if (at_home && !IsSameOrigin(request.url, target)) {
      at_home = false;
      request = without_proof;
    }
    request.url = target;
    HPCC_ASSIGN_OR_RETURN(response, transfer_.Perform(request));
  }
  if (response.status == 401 && !at_home) {
    return absl::FailedPreconditionError(
        StrCat(host_, ": sends on to ", OriginOf(request.url), ", which wants a login"));
  }
  return response;
}

absl::Status RegistryAccess::CheckTarget(const std::string& url) const {
  const absl::StatusOr<HttpUrl> target = ParseHttpUrl(url);
  if (!target.ok()) {
    return absl::FailedPreconditionError(
        StrCat(host_, ": names an address that is none: ", PrintableUrl(url)));
  }
  if (target->is_https() || (loopback_ && !demands_tls_ && IsLoopbackHost(target->host))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      StrCat(host_, ": sends on to ", PrintableUrl(url), ", which is not https"));
}

absl::Status RegistryAccess::Refused(bool by_token_service) const {
  if (credentials_) {
    return absl::UnauthenticatedError(StrCat(host_,
                                             ": the user and password of config.json are refused",
                                             by_token_service ? " by its token service" : "",
                                             "; docker login ", host_, " writes them anew"));
  }
  return absl::UnauthenticatedError(StrCat(
      host_, "/", repository_, ": wants a login, or there is no such repository; docker login ",
      host_, " writes the login to ~/.docker/config.json"));
}

absl::Status RegistryAccess::Renew(const HttpResponse& refusal, const Proof& used) {
  const std::lock_guard lock(renew_mutex_);
  const Proof current = CurrentProof();
  if (current.token != used.token || current.basic != used.basic) return absl::OkStatus();
  std::vector<AuthChallenge> challenges;
  for (const auto& [name, value] : refusal.headers) {
    if (name != "www-authenticate") continue;
    for (AuthChallenge& challenge : ParseChallenges(value)) {
      challenges.push_back(std::move(challenge));
    }
  }
  const auto find = [&](std::string_view scheme) {
    return std::find_if(challenges.begin(), challenges.end(),
                        [&](const AuthChallenge& c) { return c.scheme == scheme; });
  };
  if (const auto bearer = find("bearer"); bearer != challenges.end()) return FetchToken(*bearer);
  if (find("basic") == challenges.end()) {
    return absl::FailedPreconditionError(
        StrCat(host_, ": wants a login of a kind hpcc doesn't know: neither bearer nor basic"));
  }
  if (!credentials_ || used.basic) return Refused(/*by_token_service=*/false);
  const std::lock_guard proof_lock(proof_mutex_);
  proof_.basic = true;
  return absl::OkStatus();
}

absl::Status RegistryAccess::FetchToken(const AuthChallenge& challenge) {
  const std::string realm = challenge.Parameter("realm");
  HPCC_RETURN_IF_ERROR(CheckTarget(realm));
  std::string scope = challenge.Parameter("scope");
  if (scope.empty()) scope = StrCat("repository:", repository_, ":pull");
  HttpRequest request;
  request.url = StrCat(realm, StrContains(realm, "?") ? "&" : "?", "scope=", PercentEncode(scope));
  if (const std::string service = challenge.Parameter("service"); !service.empty()) {
    StrAppend(&request.url, "&service=", PercentEncode(service));
  }
  request.headers = {"Accept: application/json"};
  request.bound = kTokenBound;
  request.max_body = kMaxTokenAnswer;
  if (credentials_) {
    StrAppend(&request.url, "&account=", PercentEncode(credentials_->user));
    request.user = credentials_->user;
    request.password = credentials_->password;
  }
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response, transfer_.Perform(request));
  if (response.status == 400 || response.status == 401 || response.status == 403) {
    return Refused(/*by_token_service=*/true);
  }
  const std::string service_name = StrCat("the token service of ", host_);
  if (response.status != 200) return HttpError(response, service_name);
  const absl::StatusOr<nlohmann::json> answer = ReadJsonObject(response.body, "the answer");
  if (!answer.ok()) {
    return absl::FailedPreconditionError(
        StrCat(service_name, ": ", std::string(answer.status().message())));
  }
  std::string token = JsonText(*answer, "token");
  if (token.empty()) token = JsonText(*answer, "access_token");
  if (!IsToken(token)) {
    return absl::FailedPreconditionError(StrCat(service_name, ": gives no token"));
  }
  int64_t seconds = kTokenSeconds;
  if (const auto said = answer->find("expires_in"); said != answer->end()) {
    seconds = JsonSeconds(*said).value_or(kTokenSeconds);
  }
  seconds = std::clamp(seconds, kTokenSeconds, kMaxTokenSeconds) - kTokenMarginSeconds;
  const std::lock_guard lock(proof_mutex_);
  proof_.token = std::move(token);
  proof_.token_expires_ns = clock_.MonotonicNanoseconds() + seconds * kSecond;
  return absl::OkStatus();
}

}  // namespace hpcc
