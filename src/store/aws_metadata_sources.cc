// Credentials of containers and instances: whatever runs there can ask an address nearby for them.

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "store/aws_credential_sources.h"
#include "store/http_url.h"
#include "store/percent_encoding.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxToken = 64 << 10;
constexpr uint64_t kMaxAnswer = 256 << 10;
// An address of the link either answers soon or isn't there.
constexpr std::chrono::milliseconds kLinkPatience{1000};

constexpr std::string_view kContainer = "container";
constexpr std::string_view kInstance = "instance metadata";

absl::Status Failed(std::string_view source, std::string_view why) {
  return absl::UnauthenticatedError(StrCat("AWS credentials: ", source, ": ", why));
}

absl::Status Of(std::string_view source, const absl::Status& status) {
  return absl::Status(status.code(),
                      StrCat("AWS credentials: ", source, ": ", std::string(status.message())));
}

// ECS and EKS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
bool IsContainerAgent(std::string_view host) {
  return IsLoopbackHost(host) || host == "169.254.170.2" || host == "169.254.170.23" ||
         host == "fd00:ec2::23";
}

absl::StatusOr<std::string> ContainerUrl(const SourceContext& context) {
  const std::string relative =
      context.environment.GetOrEmpty("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string url = relative.empty()
                              ? context.environment.GetOrEmpty("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                              : StrCat("http://169.254.170.2", relative);
  const absl::StatusOr<HttpUrl> parsed = ParseHttpUrl(url);
  if (!parsed.ok()) return Failed(kContainer, "the address in the environment is none");
  if (!parsed->is_https() && !IsContainerAgent(parsed->host)) {
    return Failed(kContainer,
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI: http is for this machine and for the "
                  "agents of ECS and EKS only");
  }
  return url;
}

absl::StatusOr<std::string> ContainerToken(const SourceContext& context) {
  std::string token = context.environment.GetOrEmpty("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const std::string path = context.environment.GetOrEmpty("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!path.empty()) {
    const absl::StatusOr<std::string> text = ReadFile(context.fs, path, kMaxToken);
    if (!text.ok()) return Of(kContainer, text.status());
    token = StripBlanks(*text);
  }
  if (!FitsInHeader(token))
    return Failed(kContainer, "the authorization token holds control characters");
  return token;
}

absl::StatusOr<HttpResponse> Ask(const SourceContext& context, HttpRequest request) {
  request.bound = std::min(context.Left(), kLinkPatience);
  request.max_body = kMaxAnswer;
  return context.link.Perform(request);
}

absl::StatusOr<std::string> InstanceEndpoint(const SourceContext& context) {
  std::string endpoint = context.environment.GetOrEmpty("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (endpoint.empty()) {
    const std::string mode =
        AsciiLower(context.environment.GetOrEmpty("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"));
    endpoint = mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  if (!ParseHttpUrl(endpoint).ok()) {
    return Failed(kInstance, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no address");
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

// The token that every other question must carry; nullopt: there is no such service here.
absl::StatusOr<std::optional<std::string>> InstanceToken(const SourceContext& context,
                                                         const std::string& endpoint) {
  HttpRequest request;
  request.method = "PUT";
  request.url = StrCat(endpoint, "/latest/api/token");
  request.headers = {"X-aws-ec2-metadata-token-ttl-seconds: 21600"};
  request.attempts = 1;
  const absl::StatusOr<HttpResponse> response = Ask(context, std::move(request));
  if (!response.ok()) return std::nullopt;
  if (response->status != 200) return Of(kInstance, HttpError(*response, endpoint));
  const std::string_view token = StripBlanks(response->body);
  const bool fits = !token.empty() && std::all_of(token.begin(), token.end(),
                                                  [](char c) { return c > ' ' && c <= '~'; });
  if (!fits) return Failed(kInstance, "the answer to a token request is no token");
  return std::string(token);
}

absl::StatusOr<std::string> InstanceAnswer(const SourceContext& context, const std::string& url,
                                           const std::string& token) {
  HttpRequest request;
  request.url = url;
  request.headers = {StrCat("X-aws-ec2-metadata-token: ", token)};
  absl::StatusOr<HttpResponse> response = Ask(context, std::move(request));
  if (!response.ok()) return Of(kInstance, response.status());
  if (response->status == 404) return Failed(kInstance, "the instance has no role");
  if (response->status != 200) return Of(kInstance, HttpError(*response, PrintableUrl(url)));
  return std::move(response->body);
}

}  // namespace

SourceAnswer CredentialsOfContainer(const SourceContext& context) {
  if (context.environment.GetOrEmpty("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() &&
      context.environment.GetOrEmpty("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty()) {
    return std::nullopt;
  }
  HPCC_ASSIGN_OR_RETURN(const std::string url, ContainerUrl(context));
  HPCC_ASSIGN_OR_RETURN(const std::string token, ContainerToken(context));
  HttpRequest request;
  request.url = url;
  if (!token.empty()) request.headers = {StrCat("Authorization: ", token)};
  request.bound = context.Left();
  request.max_body = kMaxAnswer;
  HttpTransfer& transfer = url.starts_with("https:") ? context.network : context.link;
  const absl::StatusOr<HttpResponse> response = transfer.Perform(request);
  if (!response.ok()) return Of(kContainer, response.status());
  if (response->status != 200) return Of(kContainer, HttpError(*response, PrintableUrl(url)));
  absl::StatusOr<AwsCredentials> credentials = ParseCredentialsJson(response->body);
  if (!credentials.ok()) {
    return Failed(kContainer, std::string(credentials.status().message()));
  }
  return SourcedCredentials{*std::move(credentials), std::string(kContainer)};
}

SourceAnswer CredentialsOfInstance(const SourceContext& context) {
  if (AsciiLower(context.environment.GetOrEmpty("AWS_EC2_METADATA_DISABLED")) == "true") {
    return std::nullopt;
  }
  HPCC_ASSIGN_OR_RETURN(const std::string endpoint, InstanceEndpoint(context));
  HPCC_ASSIGN_OR_RETURN(const std::optional<std::string> token, InstanceToken(context, endpoint));
  if (!token) return std::nullopt;
  const std::string folder = StrCat(endpoint, "/latest/meta-data/iam/security-credentials/");
  HPCC_ASSIGN_OR_RETURN(const std::string roles, InstanceAnswer(context, folder, *token));
  const std::string_view role = StripBlanks(StrSplit(roles, '\n')[0]);
  if (role.empty()) return Failed(kInstance, "the instance has no role");
  HPCC_ASSIGN_OR_RETURN(
      const std::string json,
      InstanceAnswer(context, StrCat(folder, PercentEncode(role.substr(0, 256))), *token));
  absl::StatusOr<AwsCredentials> credentials = ParseCredentialsJson(json);
  if (!credentials.ok()) return Failed(kInstance, std::string(credentials.status().message()));
  return SourcedCredentials{*std::move(credentials), std::string(kInstance)};
}

}  // namespace hpcc
