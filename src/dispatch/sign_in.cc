#include "dispatch/sign_in.h"

#include <algorithm>

#include "base/digest.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kLastsSeconds = 60;  // what ends sooner is renewed
constexpr uint64_t kMaxSecretBytes = 64 << 10;
constexpr size_t kNameDigits = 16;

absl::StatusOr<std::string> ReadSecret(FileSystem& fs, const std::string& file) {
  HPCC_ASSIGN_OR_RETURN(const std::string text, ReadFile(fs, file, kMaxSecretBytes));
  return std::string(text.substr(0, text.find_last_not_of("\r\n") + 1));
}

// Three parts, as a JWT has.
bool LooksSigned(const std::string& token) {
  return std::count(token.begin(), token.end(), '.') == 2;
}

void Take(const OAuthTokens& from, StoredTokens* to) {
  to->access_token = from.access_token;
  to->id_token = from.id_token;
  if (!from.refresh_token.empty()) to->refresh_token = from.refresh_token;
  to->expires_s = from.expires_s;
}

}  // namespace

std::string TokenFilePath(const std::string& local_directory, const RemoteSettings& remote) {
  const Digest digest =
      Hasher("hpcc.token-file.v1").Field(remote.scheduler).Field(remote.tenant).Finish();
  return path::Join(path::Join(local_directory, "auth"),
                    StrCat(digest.ToHex().substr(0, kNameDigits), ".json"));
}

absl::StatusOr<OAuthProvider> ProviderOf(FileSystem& fs, const RemoteSettings& remote,
                                         const scheduler_v1::GetTenantIdPResponse& said) {
  OAuthProvider provider{.issuer = said.issuer(),
                         .token_url = said.token_url(),
                         .client_id = said.client_id(),
                         .scope = said.scope(),
                         .audience = said.audience()};
  if (!remote.client_secret_file.empty()) {
    HPCC_ASSIGN_OR_RETURN(provider.client_secret, ReadSecret(fs, remote.client_secret_file));
  }
  return provider;
}

std::string TokenForScheduler(const StoredTokens& tokens) {
  if (LooksSigned(tokens.access_token) || tokens.id_token.empty()) return tokens.access_token;
  return tokens.id_token;
}

SignIn::SignIn(FileSystem& fs, Clock& clock, const RemoteSettings& remote,
               const std::string& local_directory)
    : fs_(fs), clock_(clock), remote_(remote), file_(TokenFilePath(local_directory, remote)) {}

bool SignIn::IsGood(int64_t expires_s) const {
  return expires_s - kLastsSeconds > clock_.NowNanoseconds() / kNanosecondsPerSecond;
}

absl::StatusOr<std::string> SignIn::Session(SchedulerClient& scheduler, const GoOn& go_on) {
  const std::lock_guard lock(mutex_);
  if (!tokens_.session.empty() && IsGood(tokens_.session_expires_s)) return tokens_.session;
  return Renew(scheduler, go_on);
}

void SignIn::Forget(const std::string& session) {
  const std::lock_guard lock(mutex_);
  refused_ = session;
  if (tokens_.session == session) tokens_.session.clear();
}

absl::StatusOr<std::string> SignIn::Renew(SchedulerClient& scheduler, const GoOn& go_on) {
  // `hpcc auth login`, or another hpcc-remote, may have left something newer.
  if (absl::StatusOr<StoredTokens> stored = ReadTokenFile(fs_, file_); stored.ok()) {
    tokens_ = *std::move(stored);
    if (tokens_.session == refused_) tokens_.session.clear();
    if (!tokens_.session.empty() && IsGood(tokens_.session_expires_s)) return tokens_.session;
  } else if (!absl::IsNotFound(stored.status())) {
    return absl::UnauthenticatedError(std::string(stored.status().message()));
  }
  if (!tokens_.access_token.empty() && IsGood(tokens_.expires_s)) {
    absl::StatusOr<std::string> session = Authenticate(scheduler, go_on);
    if (session.ok() || !absl::IsUnauthenticated(session.status())) return session;
  }
  HPCC_ASSIGN_OR_RETURN(const scheduler_v1::GetTenantIdPResponse said,
                        scheduler.GetTenantIdP(remote_.tenant, go_on));
  HPCC_ASSIGN_OR_RETURN(const OAuthProvider provider, ProviderOf(fs_, remote_, said));
  HPCC_ASSIGN_OR_RETURN(const OAuthTokens tokens, NewTokens(provider, go_on));
  Take(tokens, &tokens_);
  tokens_.tenant = remote_.tenant;
  tokens_.issuer = provider.issuer;
  tokens_.token_url = provider.token_url;
  tokens_.client_id = provider.client_id;
  tokens_.scope = provider.scope;
  tokens_.audience = provider.audience;
  if (!remote_.username.empty()) tokens_.user = remote_.username;
  return Authenticate(scheduler, go_on);
}

absl::StatusOr<std::string> SignIn::Authenticate(SchedulerClient& scheduler, const GoOn& go_on) {
  HPCC_ASSIGN_OR_RETURN(const scheduler_v1::AuthenticateResponse answer,
                        scheduler.Authenticate(remote_.tenant, TokenForScheduler(tokens_), go_on));
  tokens_.session = answer.session();
  tokens_.session_expires_s = answer.expires_s();
  const absl::Status written = WriteTokenFile(fs_, file_, tokens_);
  if (!written.ok()) Log(LogLevel::kWarning, StrCat("tokens: ", std::string(written.message())));
  return tokens_.session;
}

absl::StatusOr<OAuthTokens> SignIn::NewTokens(const OAuthProvider& provider, const GoOn& go_on) {
  const auto ask = [&](const std::string& ca_file) {
    return WhileWaiting(go_on, [&] { return AskProvider(provider, ca_file); });
  };
  absl::StatusOr<OAuthTokens> tokens = ask("");
  // A private authority that signs the scheduler's certificate may sign the provider's, too.
  const bool untrusted = absl::IsUnauthenticated(tokens.status()) && !remote_.ca_file.empty() &&
                         StrContains(std::string(tokens.status().message()), "certificate");
  return untrusted ? ask(remote_.ca_file) : tokens;
}

absl::StatusOr<OAuthTokens> SignIn::AskProvider(const OAuthProvider& provider,
                                                const std::string& ca_file) {
  HttpTransfer transfer({.ca_file = ca_file}, clock_);
  OAuthClient client(transfer, clock_);
  if (!tokens_.refresh_token.empty()) {
    absl::StatusOr<OAuthTokens> tokens = client.Refresh(provider, tokens_.refresh_token);
    if (tokens.ok() || !absl::IsUnauthenticated(tokens.status())) return tokens;
    tokens_.refresh_token.clear();
  }
  switch (remote_.grant) {
    case RemoteSettings::Grant::kClientCredentials:
      return client.ClientCredentials(provider);
    case RemoteSettings::Grant::kPassword: {
      if (remote_.password_file.empty()) break;
      HPCC_ASSIGN_OR_RETURN(const std::string password, ReadSecret(fs_, remote_.password_file));
      return client.Password(provider, remote_.username, password);
    }
    case RemoteSettings::Grant::kDevice:
      break;
  }
  return absl::UnauthenticatedError("nobody is signed in; run 'hpcc auth login'");
}

}  // namespace hpcc
