#include "base/strings.h"
#include "cli/doctor_checks.h"
#include "cli/text.h"
#include "remote/remote_client.h"
#include "remote/tier_statistics.h"

namespace hpcc {

namespace {

using Level = Finding::Level;

constexpr int64_t kRecent = 86'400'000'000'000;  // nanoseconds: a day

void CheckSecrets(const CacheTier& tier, const std::string& name, std::vector<Finding>* findings) {
  constexpr std::string_view kCheck = "remote-secrets";
  if (!tier.s3.secret_key.empty()) {
    findings->push_back(
        {Level::kWarn, std::string(kCheck),
         StrCat(name,
                ": access_key and secret_key stand in the configuration, which is for "
                "development only. Leave them out and use what AWS's own tools use: "
                "AWS_PROFILE, AWS_ACCESS_KEY_ID, or the role of the machine")});
  }
  if (!tier.http.password.empty() || !tier.http.bearer_token.empty()) {
    findings->push_back(
        {Level::kWarn, std::string(kCheck),
         StrCat(name,
                ": a secret stands in the configuration. Put it into a file of your own and "
                "write password_file or bearer_token_file")});
  }
}

void CheckNotice(const CommandContext& context, const CacheTier& tier, const std::string& name,
                 std::vector<Finding>* findings) {
  constexpr std::string_view kCheck = "remote-notice";
  const absl::StatusOr<TierReport> report =
      ReadTierReport(context.fs, context.config.local_directory, tier);
  if (!report.ok() || report->notice.empty()) return;
  const int64_t now = context.clock.NowNanoseconds();
  if (now - report->notice_ns > kRecent) return;
  findings->push_back({Level::kWarn, std::string(kCheck),
                       StrCat(name, ": last heard of ", FormatTimeAndAge(report->notice_ns, now),
                              ": ", Printable(report->notice))});
}

}  // namespace

void CheckRemoteCache(const CommandContext& context, const CacheTier& tier,
                      std::vector<Finding>* findings) {
  constexpr std::string_view kCheck = "remote-cache";
  const std::string name = Printable(tier.Name());
  CheckSecrets(tier, name, findings);
  const absl::Status checked =
      RemoteClient(tier, context.config, context.environment, context.fs, context.clock).Check();
  if (checked.ok()) {
    findings->push_back(
        {Level::kOk, std::string(kCheck),
         StrCat(name, tier.read_only ? " can be read, and is configured as read-only"
                                     : " can be read and written to")});
    CheckNotice(context, tier, name, findings);
    return;
  }
  findings->push_back({Level::kFail, std::string(kCheck),
                       StrCat(name, " is not used: ", Printable(std::string(checked.message())))});
}

}  // namespace hpcc
