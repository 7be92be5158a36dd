#include "remote/remote_tiers.h"

#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxTiers = 64;
constexpr int64_t kRememberFailure = 10'000'000'000;  // nanoseconds

Environment EnvironmentOf(const remote_v1::Open& open) {
  Environment environment;
  for (const std::string& variable : open.environment()) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    environment.Set(std::string_view(variable).substr(0, equals),
                    std::string_view(variable).substr(equals + 1));
  }
  return environment;
}

SigningSettings SigningOf(const remote_v1::Open& open) {
  const remote_v1::Signing& signing = open.signing();
  return {signing.key_file(), {signing.trusted_keys().begin(), signing.trusted_keys().end()}};
}

}  // namespace

RemoteTier::RemoteTier(CacheTier tier, std::string local_directory, FileSystem& fs, Clock& clock)
    : tier_(std::move(tier)),
      local_directory_(std::move(local_directory)),
      fs_(fs),
      clock_(clock) {}

RemoteTier::~RemoteTier() {
  if (objects_ != nullptr) SaveStatistics();
}

absl::StatusOr<std::shared_ptr<RemoteTier>> RemoteTier::Open(const remote_v1::Open& open,
                                                             FileSystem& fs, Clock& clock) {
  std::shared_ptr<RemoteTier> tier(
      new RemoteTier(DecodeTier(open.tier()), open.local_directory(), fs, clock));
  const absl::Status connected = tier->Connect(open);
  if (connected.ok()) return tier;
  tier->Notice(StrCat(tier->tier_.Name(), " is not used: ", std::string(connected.message())));
  return connected;
}

absl::Status RemoteTier::Connect(const remote_v1::Open& open) {
  HPCC_ASSIGN_OR_RETURN(store_, OpenTierObjectStore(tier_, EnvironmentOf(open), fs_, clock_));
  HPCC_ASSIGN_OR_RETURN(RemoteObjectsOptions options,
                        TierObjectsOptions(tier_, SigningOf(open), fs_));
  options.on_security_event = [this](const RemoteObjectEvent& event) {
    Notice(StrCat("security: ", event.name, ": ", tier_.Name(), ", ", event.object, ": ",
                  event.detail));
  };
  options.on_notice = [this](const std::string& text) { Notice(text); };
  HPCC_ASSIGN_OR_RETURN(objects_, RemoteObjects::Make(*store_.objects, std::move(options), clock_));
  return absl::OkStatus();
}

void RemoteTier::Notice(std::string_view text) {
  Log(LogLevel::kWarning, text);
  WriteTierNotice(fs_, local_directory_, tier_, clock_.NowNanoseconds(), text);
}

void RemoteTier::SaveStatistics() {
  const RemoteMetrics now = objects_->Metrics();
  const std::lock_guard lock(mutex_);
  if (statistics_ == nullptr) {
    absl::StatusOr<std::unique_ptr<TierStatistics>> opened =
        TierStatistics::Open(fs_, local_directory_, tier_);
    if (!opened.ok()) return;
    statistics_ = *std::move(opened);
  }
  statistics_->AddDifference(saved_, now);
  saved_ = now;
}

std::string RemoteTiers::KeyOf(const remote_v1::Open& open) const {
  Hasher hasher("hpcc.remote-tier.v1");
  hasher.Field(open.SerializeAsString());
  std::vector<std::string> files = {open.tier().password_file(), open.tier().bearer_token_file(),
                                    open.tier().ca_file(), open.signing().key_file()};
  // Those that are keys themselves are no files.
  files.insert(files.end(), open.signing().trusted_keys().begin(),
               open.signing().trusted_keys().end());
  for (const std::string& file : files) {
    FileStat stat;
    const bool there =
        !file.empty() && fs_.Stat(file.c_str(), /*follow_symlinks=*/true, &stat) == 0;
    hasher.Field(there ? StrCat(stat.device, " ", stat.inode, " ", stat.size, " ", stat.changed_ns)
                       : std::string());
  }
  return std::string(hasher.Finish().bytes());
}

absl::StatusOr<std::shared_ptr<RemoteTier>> RemoteTiers::For(const remote_v1::Open& open) {
  const std::string key = KeyOf(open);
  const int64_t now = clock_.MonotonicNanoseconds();
  std::unordered_map<std::string, Slot> forgotten;  // outlives the lock: closing may wait
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(key);
  if (found != slots_.end() &&
      (found->second.tier.ok() || now - found->second.failed_ns < kRememberFailure)) {
    return found->second.tier;
  }
  if (slots_.size() >= kMaxTiers) forgotten.swap(slots_);
  Slot& slot = slots_[key];
  slot.tier = RemoteTier::Open(open, fs_, clock_);
  slot.failed_ns = now;
  return slot.tier;
}

std::vector<std::shared_ptr<RemoteTier>> RemoteTiers::All() {
  std::vector<std::shared_ptr<RemoteTier>> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, slot] : slots_) {
    if (slot.tier.ok()) all.push_back(*slot.tier);
  }
  return all;
}

void RemoteTiers::SaveStatistics() {
  for (const std::shared_ptr<RemoteTier>& tier : All()) tier->SaveStatistics();
}

}  // namespace hpcc
