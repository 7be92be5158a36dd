#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "admin/auth_commands.h"
#include "auth/oauth_client.h"
#include "auth/token_file.h"
#include "base/path.h"
#include "base/secret_prompt.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/text.h"
#include "dispatch/scheduler_client.h"
#include "dispatch/sign_in.h"

namespace hpcc {

namespace {

constexpr OptionSpec kPasswordFile = {"--password-file", "FILE",
                                      "read the password from here; default: as configured"};
constexpr std::array kOptions = {kPasswordFile};
constexpr uint64_t kMaxPasswordBytes = 4096;
constexpr std::chrono::minutes kDevicePatience{15};

// Nobody waits for a compile here: calls go on until their bound.
bool GoOnToTheEnd() {
  return true;
}

// One login, from the scheduler's word on the identity provider to the file the tokens are kept in.
class Login {
 public:
  Login(const CommandContext& context, const ParsedOptions& options)
      : context_(context), remote_(context.config.remote) {
    password_file_ = remote_.password_file;
    if (const std::optional<std::string> file = options.Value(kPasswordFile.name)) {
      password_file_ = path::Join(context.cwd, *file);
    }
  }

  // The value is what has been kept.
  absl::StatusOr<StoredTokens> Run() {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<SchedulerClient> scheduler,
                          SchedulerClient::Make(context_.fs, remote_.scheduler, remote_.ca_file));
    HPCC_ASSIGN_OR_RETURN(const scheduler_v1::GetTenantIdPResponse said,
                          scheduler->GetTenantIdP(remote_.tenant, GoOnToTheEnd));
    HPCC_ASSIGN_OR_RETURN(const OAuthProvider provider, ProviderOf(context_.fs, remote_, said));
    HPCC_ASSIGN_OR_RETURN(const OAuthTokens tokens, Ask(provider));
    StoredTokens stored = Stored(provider, tokens);
    HPCC_ASSIGN_OR_RETURN(
        const scheduler_v1::AuthenticateResponse session,
        scheduler->Authenticate(remote_.tenant, TokenForScheduler(stored), GoOnToTheEnd));
    stored.session = session.session();
    stored.session_expires_s = session.expires_s();
    HPCC_RETURN_IF_ERROR(WriteTokenFile(
        context_.fs, TokenFilePath(context_.config.local_directory, remote_), stored));
    return stored;
  }

 private:
  absl::StatusOr<OAuthTokens> Ask(const OAuthProvider& provider) {
    if (remote_.grant == RemoteSettings::Grant::kPassword) {
      HPCC_ASSIGN_OR_RETURN(password_, Password());
    }
    absl::StatusOr<OAuthTokens> tokens = AskTrusting(provider, "");
    // A private authority that signs the scheduler's certificate may sign the provider's, too.
    const bool untrusted = absl::IsUnauthenticated(tokens.status()) && !remote_.ca_file.empty() &&
                           StrContains(std::string(tokens.status().message()), "certificate");
    return untrusted ? AskTrusting(provider, remote_.ca_file) : tokens;
  }

  absl::StatusOr<OAuthTokens> AskTrusting(const OAuthProvider& provider,
                                          const std::string& ca_file) {
    HttpTransfer transfer({.ca_file = ca_file}, context_.clock);
    OAuthClient client(transfer, context_.clock);
    switch (remote_.grant) {
      case RemoteSettings::Grant::kPassword:
        return client.Password(provider, remote_.username, password_);
      case RemoteSettings::Grant::kClientCredentials:
        return client.ClientCredentials(provider);
      case RemoteSettings::Grant::kDevice:
        return AskByDevice(provider, client);
    }
    return absl::InternalError("no such grant");
  }

  absl::StatusOr<OAuthTokens> AskByDevice(const OAuthProvider& provider, OAuthClient& client) {
    HPCC_ASSIGN_OR_RETURN(DeviceAuthorization device, client.StartDevice(provider));
    const bool complete = !device.verification_url_complete.empty();
    context_.console.Err(StrCat(
        "Open ", Printable(complete ? device.verification_url_complete : device.verification_url),
        " in a browser and confirm the code ", Printable(device.user_code), "\n"));
    const int64_t deadline_ns =
        context_.clock.MonotonicNanoseconds() + std::chrono::nanoseconds(kDevicePatience).count();
    while (context_.clock.MonotonicNanoseconds() < deadline_ns) {
      context_.clock.Sleep(device.interval);
      HPCC_ASSIGN_OR_RETURN(const std::optional<OAuthTokens> tokens,
                            client.PollDevice(provider, &device));
      if (tokens) return *tokens;
    }
    return absl::DeadlineExceededError("nobody confirmed the code in time");
  }

  absl::StatusOr<std::string> Password() {
    if (remote_.username.empty()) {
      return absl::InvalidArgumentError("who? remote.username in the configuration says it");
    }
    if (password_file_.empty()) {
      return PromptForSecret(
          StrCat("Password of ", Printable(remote_.username), " at ", remote_.tenant, ": "));
    }
    HPCC_ASSIGN_OR_RETURN(const std::string text,
                          ReadFile(context_.fs, password_file_, kMaxPasswordBytes));
    return std::string(text.substr(0, text.find_last_not_of("\r\n") + 1));
  }

  StoredTokens Stored(const OAuthProvider& provider, const OAuthTokens& tokens) const {
    StoredTokens stored;
    stored.tenant = remote_.tenant;
    stored.issuer = provider.issuer;
    stored.token_url = provider.token_url;
    stored.client_id = provider.client_id;
    stored.scope = provider.scope;
    stored.audience = provider.audience;
    stored.user = remote_.username;
    stored.access_token = tokens.access_token;
    stored.id_token = tokens.id_token;
    stored.refresh_token = tokens.refresh_token;
    stored.expires_s = tokens.expires_s;
    return stored;
  }

  const CommandContext& context_;
  const RemoteSettings& remote_;
  std::string password_file_;
  std::string password_;  // secret
};

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<StoredTokens> stored = Login(context, options).Run();
  if (!stored.ok()) {
    return Complain(context, kAuthLoginCommand, Printable(std::string(stored.status().message())));
  }
  context.console.Out(StrCat("logged in to ", Printable(stored->tenant), "\n"));
  return kExitOk;
}

}  // namespace

constexpr Command kAuthLoginCommand = {
    .name = "auth login",
    .summary = "get a token from the tenant's identity provider",
    .description =
        "Logs in at the identity provider of the configured tenant, by the configured grant, and\n"
        "keeps the tokens in a file only you can read. The password is asked for at the terminal\n"
        "unless a file holds it. Needs remote.scheduler and remote.tenant in the configuration.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
