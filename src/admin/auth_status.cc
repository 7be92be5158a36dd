#include <array>

#include "admin/auth_commands.h"
#include "auth/token_file.h"
#include "base/strings.h"
#include "cli/json_output.h"
#include "cli/text.h"
#include "dispatch/sign_in.h"

namespace hpcc {

namespace {

constexpr std::array kStatusOptions = {kJsonOption};
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string FileOf(const CommandContext& context) {
  return TokenFilePath(context.config.local_directory, context.config.remote);
}

bool IsGood(const CommandContext& context, const std::string& token, int64_t expires_s) {
  return !token.empty() && expires_s > context.clock.NowNanoseconds() / kNanosecondsPerSecond;
}

std::string Until(int64_t expires_s) {
  return expires_s == 0 ? "not known" : FormatTime(expires_s * kNanosecondsPerSecond);
}

std::string StatusText(const StoredTokens& tokens, bool usable) {
  TextTable table;
  table.Row("tenant", Printable(tokens.tenant));
  if (!tokens.user.empty()) table.Row("user", Printable(tokens.user));
  table.Row("identity provider", Printable(tokens.issuer));
  table.Row("token until", Until(tokens.expires_s));
  table.Row("session until", Until(tokens.session_expires_s));
  table.Row("can be renewed", tokens.refresh_token.empty() ? "no" : "yes");
  return StrCat(table.ToString(), usable ? "" : "run 'hpcc auth login' again\n");
}

Json StatusJson(const StoredTokens& tokens, bool usable) {
  return {{"logged_in", usable},
          {"tenant", tokens.tenant},
          {"user", tokens.user},
          {"issuer", tokens.issuer},
          {"token_expires_s", tokens.expires_s},
          {"session_expires_s", tokens.session_expires_s},
          {"renewable", !tokens.refresh_token.empty()}};
}

int Status(const CommandContext& context, const ParsedOptions& options) {
  const bool json = options.Has(kJsonOption.name);
  const absl::StatusOr<StoredTokens> tokens = ReadTokenFile(context.fs, FileOf(context));
  if (absl::IsNotFound(tokens.status())) {
    context.console.Out(json ? JsonText({{"logged_in", false}})
                             : "nobody is logged in; run 'hpcc auth login'\n");
    return kExitFailed;
  }
  if (!tokens.ok()) {
    return Complain(context, kAuthStatusCommand, std::string(tokens.status().message()));
  }
  const bool usable = !tokens->refresh_token.empty() ||
                      IsGood(context, tokens->session, tokens->session_expires_s) ||
                      IsGood(context, tokens->access_token, tokens->expires_s);
  context.console.Out(json ? JsonText(StatusJson(*tokens, usable)) : StatusText(*tokens, usable));
  return usable ? kExitOk : kExitFailed;
}

int Logout(const CommandContext& context, const ParsedOptions&) {
  const absl::Status removed = RemoveTokenFile(context.fs, FileOf(context));
  if (!removed.ok()) {
    return Complain(context, kAuthLogoutCommand, std::string(removed.message()));
  }
  context.console.Out("the tokens are forgotten\n");
  return kExitOk;
}

}  // namespace

constexpr Command kAuthStatusCommand = {
    .name = "auth status",
    .summary = "whether you are logged in",
    .description =
        "Tells whose tokens are kept here and how long they last; exits with 1 when there are "
        "none\n"
        "that can be used. Asks nobody.",
    .options = kStatusOptions,
    .run = Status,
};

constexpr Command kAuthLogoutCommand = {
    .name = "auth logout",
    .summary = "forget the tokens",
    .description =
        "Removes the tokens that are kept here. A session that a running hpcc-remote holds ends\n"
        "when that does, a minute after the last compile.",
    .run = Logout,
};

}  // namespace hpcc
