#include "store/aws_credential_sources.h"

#include <tinyxml2.h>

#include <algorithm>

#include "base/home_directory.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "nlohmann/json.hpp"
#include "store/aws_profiles.h"
#include "store/http_url.h"
#include "store/percent_encoding.h"
#include "store/s3_xml.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxToken = 64 << 10;
constexpr uint64_t kMaxAnswer = 256 << 10;

absl::Status Failed(std::string_view source, std::string_view why) {
  return absl::UnauthenticatedError(StrCat("AWS credentials: ", source, ": ", why));
}

// The same code, said of the source.
absl::Status Of(std::string_view source, const absl::Status& status) {
  return absl::Status(status.code(),
                      StrCat("AWS credentials: ", source, ": ", std::string(status.message())));
}

bool AllFitInHeader(const AwsCredentials& credentials) {
  return FitsInHeader(credentials.access_key) && FitsInHeader(credentials.secret_key) &&
         FitsInHeader(credentials.session_token);
}

absl::StatusOr<std::string> ReadToken(const SourceContext& context, std::string_view source,
                                      const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(context.fs, path, kMaxToken);
  if (!text.ok()) {
    return Failed(source,
                  StrCat("the token file can't be read: ", std::string(text.status().message())));
  }
  const std::string_view token = StripBlanks(*text);
  if (token.empty() || !FitsInHeader(token)) {
    return Failed(source, StrCat(path, " holds no token"));
  }
  return std::string(token);
}

absl::StatusOr<AwsProfiles> ReadProfiles(const SourceContext& context, const std::string& path,
                                         AwsProfileFile kind) {
  if (!FileExists(context.fs, path)) return AwsProfiles();
  HPCC_ASSIGN_OR_RETURN(const std::string text, ReadFile(context.fs, path, kMaxAwsProfileFile));
  absl::StatusOr<AwsProfiles> profiles = ParseAwsProfiles(text, kind);
  if (profiles.ok()) return profiles;
  return Failed(path, std::string(profiles.status().message()));
}

std::string AwsFile(const SourceContext& context, std::string_view variable,
                    std::string_view name) {
  const std::string path = context.environment.GetOrEmpty(variable);
  const std::string home = HomeDirectory(context.fs, context.environment).value_or(std::string());
  if (path.empty()) return home.empty() ? std::string() : path::Join(home, name);
  return path.starts_with("~/") ? path::Join(home, path.substr(2)) : path;
}

std::string Setting(const AwsProfile& profile, std::string_view key) {
  const auto found = profile.find(key);
  return found == profile.end() ? std::string() : found->second;
}

// What hpcc would need to run or ask, and does not.
absl::Status CheckSupported(const AwsProfile& profile, const std::string& source) {
  for (const std::string_view key : {"credential_process", "sso_session", "sso_start_url",
                                     "source_profile", "credential_source"}) {
    if (profile.find(key) == profile.end()) continue;
    return Failed(source, StrCat("hpcc does not support ", key,
                                 "; export credentials with `aws configure export-credentials "
                                 "--format env`"));
  }
  return absl::OkStatus();
}

}  // namespace

bool FitsInHeader(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::chrono::milliseconds SourceContext::Left() const {
  const int64_t left_ns = deadline_ns - clock.MonotonicNanoseconds();
  return std::chrono::milliseconds(std::max<int64_t>(1, left_ns / 1'000'000));
}

SourceAnswer CredentialsOfConfiguration(const SourceContext& context) {
  const AwsCredentialOptions& options = context.options;
  if (options.access_key.empty() && options.secret_key.empty()) return std::nullopt;
  if (options.access_key.empty() || options.secret_key.empty()) {
    return Failed("configuration", "access_key and secret_key belong together");
  }
  return SourcedCredentials{
      {options.access_key, options.secret_key, {}, 0}, "configuration", /*can_change=*/false};
}

SourceAnswer CredentialsOfEnvironment(const SourceContext& context) {
  const std::string access = context.environment.GetOrEmpty("AWS_ACCESS_KEY_ID");
  const std::string secret = context.environment.GetOrEmpty("AWS_SECRET_ACCESS_KEY");
  if (access.empty() && secret.empty()) return std::nullopt;
  if (access.empty() || secret.empty()) {
    return Failed("environment", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together");
  }
  const std::string token = context.environment.GetOrEmpty("AWS_SESSION_TOKEN");
  AwsCredentials credentials{access, secret, token, 0};
  if (!AllFitInHeader(credentials)) {
    return Failed("environment", "a key or token with control characters");
  }
  return SourcedCredentials{std::move(credentials), "environment", /*can_change=*/false};
}

SourceAnswer CredentialsOfProfile(const SourceContext& context) {
  const std::string asked = context.environment.GetOrEmpty("AWS_PROFILE");
  const std::string name = asked.empty() ? "default" : asked;
  const std::string source = StrCat("profile '", name, "'");
  AwsProfile profile;
  bool found = false;
  // The credentials file comes last: it wins.
  const struct {
    std::string path;
    AwsProfileFile kind;
  } files[] = {{AwsFile(context, "AWS_CONFIG_FILE", ".aws/config"), AwsProfileFile::kConfig},
               {AwsFile(context, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
                AwsProfileFile::kCredentials}};
  for (const auto& [path, kind] : files) {
    HPCC_ASSIGN_OR_RETURN(AwsProfiles profiles, ReadProfiles(context, path, kind));
    const auto it = profiles.find(name);
    if (it == profiles.end()) continue;
    found = true;
    for (auto& [key, value] : it->second) profile[key] = std::move(value);
  }
  if (!found) {
    if (asked.empty()) return std::nullopt;
    return Failed(source, StrCat("AWS_PROFILE names it, and neither ", files[0].path, " nor ",
                                 files[1].path, " has it"));
  }
  AwsCredentials credentials{Setting(profile, "aws_access_key_id"),
                             Setting(profile, "aws_secret_access_key"),
                             Setting(profile, "aws_session_token"), 0};
  const std::string role = Setting(profile, "role_arn");
  const std::string token_file = Setting(profile, "web_identity_token_file");
  if (!role.empty() && !token_file.empty()) {
    HPCC_ASSIGN_OR_RETURN(credentials,
                          AssumeRoleWithWebIdentity(context, role, token_file,
                                                    Setting(profile, "role_session_name")));
    return SourcedCredentials{std::move(credentials), source};
  }
  if (!AllFitInHeader(credentials)) {
    return Failed(source, "a key or token with control characters");
  }
  const bool has_keys = !credentials.access_key.empty() && !credentials.secret_key.empty();
  if (!has_keys || !role.empty()) HPCC_RETURN_IF_ERROR(CheckSupported(profile, source));
  if (has_keys) return SourcedCredentials{std::move(credentials), source};
  if (!credentials.access_key.empty() || !credentials.secret_key.empty()) {
    return Failed(source, "aws_access_key_id and aws_secret_access_key belong together");
  }
  return std::nullopt;
}

SourceAnswer CredentialsOfWebIdentity(const SourceContext& context) {
  const std::string token_file = context.environment.GetOrEmpty("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (token_file.empty()) return std::nullopt;
  const std::string role = context.environment.GetOrEmpty("AWS_ROLE_ARN");
  if (role.empty()) return Failed("web identity", "AWS_ROLE_ARN is not set");
  HPCC_ASSIGN_OR_RETURN(
      AwsCredentials credentials,
      AssumeRoleWithWebIdentity(context, role, token_file,
                                context.environment.GetOrEmpty("AWS_ROLE_SESSION_NAME")));
  return SourcedCredentials{std::move(credentials), "web identity"};
}

namespace {

absl::StatusOr<std::string> StsUrl(const SourceContext& context) {
  std::string url = context.options.sts_endpoint;
  if (url.empty()) url = context.environment.GetOrEmpty("AWS_ENDPOINT_URL_STS");
  if (url.empty()) {
    std::string region = context.options.region;
    if (region.empty()) region = context.environment.GetOrEmpty("AWS_REGION");
    if (region.empty()) region = "us-east-1";
    url = StrCat("https://sts.", region, ".amazonaws.com", region.starts_with("cn-") ? ".cn" : "");
  }
  const absl::StatusOr<HttpUrl> parsed = ParseHttpUrl(url);
  if (!parsed.ok() || (!parsed->is_https() && !IsLoopbackHost(parsed->host))) {
    return Failed("web identity", "the address of STS is no https address");
  }
  while (url.ends_with('/')) url.pop_back();
  return url + "/";
}

std::string TextAt(const tinyxml2::XMLElement* element, const char* name) {
  const tinyxml2::XMLElement* child =
      element == nullptr ? nullptr : element->FirstChildElement(name);
  const char* text = child == nullptr ? nullptr : child->GetText();
  return text == nullptr ? std::string() : std::string(StripBlanks(text));
}

}  // namespace

absl::StatusOr<AwsCredentials> ParseStsAnswer(std::string_view xml) {
  tinyxml2::XMLDocument document;
  if (xml.empty() || document.Parse(xml.data(), xml.size()) != tinyxml2::XML_SUCCESS) {
    return Failed("web identity", "the answer of STS can't be read");
  }
  const tinyxml2::XMLElement* root = document.RootElement();
  const tinyxml2::XMLElement* result =
      root == nullptr ? nullptr : root->FirstChildElement("AssumeRoleWithWebIdentityResult");
  const tinyxml2::XMLElement* keys =
      result == nullptr ? nullptr : result->FirstChildElement("Credentials");
  AwsCredentials credentials{TextAt(keys, "AccessKeyId"), TextAt(keys, "SecretAccessKey"),
                             TextAt(keys, "SessionToken"), 0};
  const std::optional<int64_t> expires = ParseIsoTime(TextAt(keys, "Expiration"));
  if (credentials.access_key.empty() || credentials.secret_key.empty() ||
      credentials.session_token.empty() || !AllFitInHeader(credentials) || !expires) {
    return Failed("web identity", "the answer of STS holds no credentials");
  }
  credentials.expires_ns = *expires;
  return credentials;
}

namespace {

// The code of <ErrorResponse><Error><Code>; empty when there is none.
std::string StsErrorCode(std::string_view xml) {
  tinyxml2::XMLDocument document;
  if (xml.empty() || document.Parse(xml.data(), xml.size()) != tinyxml2::XML_SUCCESS) return {};
  const tinyxml2::XMLElement* root = document.RootElement();
  std::string code =
      root == nullptr ? std::string() : TextAt(root->FirstChildElement("Error"), "Code");
  return code.size() <= 64 && FitsInHeader(code) ? code : std::string();
}

}  // namespace

absl::StatusOr<AwsCredentials> AssumeRoleWithWebIdentity(const SourceContext& context,
                                                         const std::string& role_arn,
                                                         const std::string& token_file,
                                                         const std::string& session_name) {
  HPCC_ASSIGN_OR_RETURN(const std::string url, StsUrl(context));
  HPCC_ASSIGN_OR_RETURN(const std::string token, ReadToken(context, "web identity", token_file));
  const std::string form = StrCat(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", PercentEncode(role_arn),
      "&RoleSessionName=", PercentEncode(session_name.empty() ? "hpcc" : session_name),
      "&WebIdentityToken=", PercentEncode(token));
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {"Content-Type: application/x-www-form-urlencoded"};
  request.body = form;
  request.bound = context.Left();
  request.max_body = kMaxAnswer;
  const absl::StatusOr<HttpResponse> response = context.network.Perform(request);
  if (!response.ok()) return Of("web identity", response.status());
  if (response->status == 200) return ParseStsAnswer(response->body);
  const std::string code = StsErrorCode(response->body);
  if (response->status >= 500) return Of("web identity", HttpError(*response, "STS"));
  return Failed("web identity", StrCat("STS refused to let ", role_arn, " be assumed (",
                                       code.empty() ? StrCat(response->status) : code, ")"));
}

absl::StatusOr<AwsCredentials> ParseCredentialsJson(std::string_view json) {
  const nlohmann::json parsed =
      nlohmann::json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  const auto text = [&](const char* key) {
    if (!parsed.is_object()) return std::string();
    const auto found = parsed.find(key);
    return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  AwsCredentials credentials{text("AccessKeyId"), text("SecretAccessKey"), text("Token"), 0};
  if (credentials.access_key.empty() || credentials.secret_key.empty() ||
      !AllFitInHeader(credentials)) {
    return absl::InvalidArgumentError("the answer holds no credentials");
  }
  const std::string expiration = text("Expiration");
  if (!expiration.empty()) {
    const std::optional<int64_t> expires = ParseIsoTime(expiration);
    if (!expires) return absl::InvalidArgumentError("the answer says no time when they expire");
    credentials.expires_ns = *expires;
  }
  return credentials;
}

}  // namespace hpcc
