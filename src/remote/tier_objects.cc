#include "remote/tier_objects.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "store/http_object_store.h"
#include "store/network_settings.h"
#include "store/s3_object_store.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxSecretBytes = uint64_t{16} << 10;

// The first line of a file that holds a secret.
absl::StatusOr<std::string> ReadSecret(FileSystem& fs, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(fs, path, kMaxSecretBytes);
  if (!text.ok()) {
    return absl::UnauthenticatedError(
        StrCat(path, " can't be read: ", std::string(text.status().message())));
  }
  std::string_view line(*text);
  line = StripBlanks(line.substr(0, line.find('\n')));
  if (line.empty()) return absl::UnauthenticatedError(StrCat(path, " is empty"));
  return std::string(line);
}

// What is said of a file that isn't there must not read as if there were no such value.
absl::Status Unusable(std::string_view key, const absl::Status& why) {
  const absl::StatusCode code =
      absl::IsNotFound(why) ? absl::StatusCode::kFailedPrecondition : why.code();
  return absl::Status(code, StrCat("signing.", key, ": ", std::string(why.message())));
}

absl::StatusOr<TierObjectStore> OpenS3(const CacheTier& tier, const Environment& environment,
                                       FileSystem& fs, Clock& clock) {
  TierObjectStore store;
  store.credentials = MakeAwsCredentialProvider({.access_key = tier.s3.access_key,
                                                 .secret_key = tier.s3.secret_key,
                                                 .region = tier.s3.region,
                                                 .ca_file = tier.ca_file},
                                                environment, fs, clock);
  HPCC_ASSIGN_OR_RETURN(store.objects, MakeS3ObjectStore({.bucket = tier.s3.bucket,
                                                          .region = tier.s3.region,
                                                          .endpoint = tier.s3.endpoint,
                                                          .ca_file = tier.ca_file,
                                                          .network = NetworkSettingsOf(environment),
                                                          .auto_create = tier.s3.auto_create},
                                                         *store.credentials, clock));
  return store;
}

absl::StatusOr<TierObjectStore> OpenHttp(const CacheTier& tier, const Environment& environment,
                                         FileSystem& fs, Clock& clock) {
  HttpOptions options{.url = tier.http.url,
                      .user = tier.http.username,
                      .password = tier.http.password,
                      .bearer_token = tier.http.bearer_token,
                      .ca_file = tier.ca_file,
                      .network = NetworkSettingsOf(environment)};
  if (!tier.http.password_file.empty()) {
    HPCC_ASSIGN_OR_RETURN(options.password, ReadSecret(fs, tier.http.password_file));
  }
  if (!tier.http.bearer_token_file.empty()) {
    HPCC_ASSIGN_OR_RETURN(options.bearer_token, ReadSecret(fs, tier.http.bearer_token_file));
  }
  TierObjectStore store;
  HPCC_ASSIGN_OR_RETURN(store.objects, MakeHttpObjectStore(options, clock));
  return store;
}

}  // namespace

absl::StatusOr<TierObjectStore> OpenTierObjectStore(const CacheTier& tier,
                                                    const Environment& environment, FileSystem& fs,
                                                    Clock& clock) {
  return tier.type == CacheTier::Type::kS3 ? OpenS3(tier, environment, fs, clock)
                                           : OpenHttp(tier, environment, fs, clock);
}

absl::StatusOr<RemoteObjectsOptions> TierObjectsOptions(const CacheTier& tier,
                                                        const SigningSettings& signing,
                                                        FileSystem& fs) {
  RemoteObjectsOptions options;
  options.name_space = tier.name_space;
  options.read_only = tier.read_only;
  options.max_size = tier.max_size;
  if (!signing.key_file.empty() && !tier.read_only) {
    auto signer = Ed25519Signer::FromFile(fs, signing.key_file);
    if (!signer.ok()) return Unusable("key_file", signer.status());
    options.signer = *std::move(signer);
  }
  for (const std::string& text : signing.trusted_keys) {
    absl::StatusOr<Ed25519PublicKey> key = ParseTrustedKey(fs, text);
    if (!key.ok()) return Unusable("trusted_keys", key.status());
    options.trusted_keys.push_back(*std::move(key));
  }
  return options;
}

}  // namespace hpcc
