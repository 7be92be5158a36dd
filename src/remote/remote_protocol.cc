#include "remote/remote_protocol.h"

#include <algorithm>

#include "base/frame.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint32_t kLastCode = static_cast<uint32_t>(absl::StatusCode::kUnauthenticated);
constexpr size_t kMaxStatusBytes = 4096;

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(StrCat(what, ": more than the protocol allows, or malformed"));
}

bool TextFits(const std::string& text) {
  return text.size() <= kMaxRemoteStringBytes && text.find('\0') == std::string::npos;
}

template <typename Texts>
bool TextsFit(const Texts& texts) {
  return texts.size() <= kMaxRemoteStrings && std::all_of(texts.begin(), texts.end(), TextFits);
}

bool TierFits(const remote_v1::Tier& tier) {
  const bool remote = tier.type() == static_cast<uint32_t>(CacheTier::Type::kS3) ||
                      tier.type() == static_cast<uint32_t>(CacheTier::Type::kHttp);
  if (!remote) return false;
  for (const std::string* text :
       {&tier.name_space(), &tier.ca_file(), &tier.bucket(), &tier.region(), &tier.endpoint(),
        &tier.access_key(), &tier.secret_key(), &tier.url(), &tier.username(), &tier.password(),
        &tier.password_file(), &tier.bearer_token(), &tier.bearer_token_file()}) {
    if (!TextFits(*text)) return false;
  }
  return true;
}

absl::Status CheckOpen(const remote_v1::Open& open) {
  if (!TierFits(open.tier())) return Wrong("tier");
  if (!TextFits(open.signing().key_file())) return Wrong("key_file");
  if (!TextsFit(open.signing().trusted_keys())) return Wrong("trusted_keys");
  if (!TextsFit(open.environment())) return Wrong("environment");
  if (!TextFits(open.local_directory()) || !open.local_directory().starts_with('/')) {
    return Wrong("local_directory");
  }
  return absl::OkStatus();
}

bool NamespaceFits(uint32_t ns) {
  return ns < static_cast<uint32_t>(kStoreNamespaceCount);
}

absl::Status CheckKey(const remote_v1::Key& key) {
  if (key.digest().size() != Digest::kSize || !NamespaceFits(key.store_namespace())) {
    return Wrong("key");
  }
  return absl::OkStatus();
}

absl::Status CheckCompile(const remote_v1::Compile& compile) {
  const remote_v1::Destination& to = compile.destination();
  for (const std::string* text :
       {&to.scheduler(), &to.ca_file(), &to.tenant(), &to.image(), &to.username(),
        &to.password_file(), &to.client_secret_file(), &compile.compiler_name()}) {
    if (!TextFits(*text)) return Wrong("destination");
  }
  if (to.grant() > static_cast<uint32_t>(RemoteSettings::Grant::kClientCredentials)) {
    return Wrong("grant");
  }
  for (const std::string* path :
       {&compile.local_directory(), &compile.compiler(), &compile.working_directory()}) {
    if (!TextFits(*path) || !path->starts_with('/')) return Wrong("path");
  }
  const std::string& root = compile.project_root();
  if (!TextFits(root) || !(root.empty() || root.starts_with('/'))) return Wrong("project_root");
  if (!TextsFit(compile.environment())) return Wrong("environment");
  // How long a command may be is bounded by its frame.
  for (const std::string& word : compile.arguments()) {
    if (word.find('\0') != std::string::npos) return Wrong("arguments");
  }
  return absl::OkStatus();
}

std::string CutText(std::string_view text) {
  return std::string(text.substr(0, kMaxStatusBytes));
}

bool IsWanted(std::string_view name, CacheTier::Type type) {
  if (name.starts_with("AWS_")) return type == CacheTier::Type::kS3;
  for (const std::string_view wanted :
       {"HOME", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
        "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    if (name == wanted) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<remote_v1::Request> ParseRemoteRequest(std::string_view bytes) {
  remote_v1::Request request;
  if (bytes.size() > kMaxRemoteFrameBytes ||
      !request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no request");
  }
  switch (request.body_case()) {
    case remote_v1::Request::kOpen:
      HPCC_RETURN_IF_ERROR(CheckOpen(request.open()));
      break;
    case remote_v1::Request::kGet:
      HPCC_RETURN_IF_ERROR(CheckKey(request.get().key()));
      break;
    case remote_v1::Request::kPut:
      HPCC_RETURN_IF_ERROR(CheckKey(request.put().key()));
      if (request.put().size() > kMaxRemoteValueBytes) return Wrong("size");
      break;
    case remote_v1::Request::kRemove:
      HPCC_RETURN_IF_ERROR(CheckKey(request.remove().key()));
      break;
    case remote_v1::Request::kExists:
      HPCC_RETURN_IF_ERROR(CheckKey(request.exists().key()));
      break;
    case remote_v1::Request::kList:
      if (!NamespaceFits(request.list().store_namespace())) return Wrong("store_namespace");
      break;
    case remote_v1::Request::kCompile:
      HPCC_RETURN_IF_ERROR(CheckCompile(request.compile()));
      break;
    default:
      break;
  }
  return request;
}

absl::StatusOr<remote_v1::Response> ParseRemoteResponse(std::string_view bytes) {
  remote_v1::Response response;
  if (bytes.size() > kMaxRemoteFrameBytes ||
      !response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no response");
  }
  if (response.code() > kLastCode) return Wrong("code");
  if (response.found().size() > kMaxRemoteValueBytes) return Wrong("size");
  if (response.compiled().size() > kMaxRemoteValueBytes) return Wrong("size");
  for (const remote_v1::Listed::Entry& entry : response.listed().entries()) {
    if (entry.digest().size() != Digest::kSize) return Wrong("digest");
  }
  return response;
}

std::string FrameOf(const google::protobuf::MessageLite& message) {
  std::string frame = FrameHead(static_cast<uint32_t>(message.ByteSizeLong()));
  message.AppendToString(&frame);
  return frame;
}

absl::Status SendRemoteFrame(Connection& connection, const google::protobuf::MessageLite& message,
                             std::string_view value, std::chrono::milliseconds timeout) {
  const std::string frame = FrameOf(message);
  HPCC_RETURN_IF_ERROR(connection.Send(frame, timeout));
  return value.empty() ? absl::OkStatus() : connection.Send(value, timeout);
}

remote_v1::Key EncodeKey(const StoreKey& key) {
  remote_v1::Key encoded;
  encoded.set_store_namespace(static_cast<uint32_t>(key.ns));
  encoded.set_digest(std::string(key.digest.bytes()));
  return encoded;
}

StoreKey DecodeKey(const remote_v1::Key& key) {
  return {static_cast<StoreNamespace>(key.store_namespace()), *Digest::FromBytes(key.digest())};
}

Environment CredentialEnvironment(const Environment& environment, CacheTier::Type type) {
  Environment wanted;
  for (const auto& [name, value] : environment.variables()) {
    if (IsWanted(name, type)) wanted.Set(name, value);
  }
  return wanted;
}

absl::StatusOr<remote_v1::Open> EncodeOpen(const CacheTier& tier, const SigningSettings& signing,
                                           const std::string& local_directory,
                                           const Environment& environment) {
  remote_v1::Open open;
  remote_v1::Tier& to = *open.mutable_tier();
  to.set_type(static_cast<uint32_t>(tier.type));
  to.set_name_space(tier.name_space);
  to.set_max_size(tier.max_size);
  to.set_read_only(tier.read_only);
  to.set_ca_file(tier.ca_file);
  to.set_bucket(tier.s3.bucket);
  to.set_region(tier.s3.region);
  to.set_endpoint(tier.s3.endpoint);
  to.set_auto_create(tier.s3.auto_create);
  to.set_access_key(tier.s3.access_key);
  to.set_secret_key(tier.s3.secret_key);
  to.set_url(tier.http.url);
  to.set_username(tier.http.username);
  to.set_password(tier.http.password);
  to.set_password_file(tier.http.password_file);
  to.set_bearer_token(tier.http.bearer_token);
  to.set_bearer_token_file(tier.http.bearer_token_file);
  open.mutable_signing()->set_key_file(signing.key_file);
  for (const std::string& key : signing.trusted_keys) {
    open.mutable_signing()->add_trusted_keys(key);
  }
  for (std::string& variable : CredentialEnvironment(environment, tier.type).ToStrings()) {
    open.add_environment(std::move(variable));
  }
  open.set_local_directory(local_directory);
  if (!CheckOpen(open).ok() || open.ByteSizeLong() > kMaxRemoteFrameBytes / 2) {
    return absl::ResourceExhaustedError(
        StrCat(tier.Name(), ": its configuration or a variable it needs is too long"));
  }
  return open;
}

CacheTier DecodeTier(const remote_v1::Tier& tier) {
  CacheTier decoded;
  decoded.type = static_cast<CacheTier::Type>(tier.type());
  decoded.name_space = tier.name_space();
  decoded.max_size = tier.max_size();
  decoded.read_only = tier.read_only();
  decoded.ca_file = tier.ca_file();
  decoded.s3 = {.bucket = tier.bucket(),
                .region = tier.region(),
                .endpoint = tier.endpoint(),
                .auto_create = tier.auto_create(),
                .access_key = tier.access_key(),
                .secret_key = tier.secret_key()};
  decoded.http = {.url = tier.url(),
                  .username = tier.username(),
                  .password = tier.password(),
                  .password_file = tier.password_file(),
                  .bearer_token = tier.bearer_token(),
                  .bearer_token_file = tier.bearer_token_file()};
  return decoded;
}

absl::Status StatusOf(const remote_v1::Response& response) {
  if (response.code() == 0) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(response.code()), CutText(response.message()));
}

void SetStatus(const absl::Status& status, remote_v1::Response* response) {
  response->set_code(static_cast<uint32_t>(status.code()));
  if (!status.ok()) {
    response->set_message(
        CutText(std::string_view(status.message().data(), status.message().size())));
  }
}

}  // namespace hpcc
