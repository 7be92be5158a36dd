#include "worker/shared_results.h"

#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/verified_store.h"

namespace hpcc {

absl::StatusOr<std::vector<SharedTier>> OpenSharedTiers(const CacheFile& file,
                                                        const Environment& environment,
                                                        FileSystem& fs, Clock& clock) {
  std::vector<SharedTier> tiers;
  for (const CacheTier& description : file.tiers) {
    const auto wrong = [&](const absl::Status& status) {
      return absl::Status(status.code(), StrCat(file.path, ": ", description.Name(), ": ",
                                                std::string(status.message())));
    };
    SharedTier tier;
    tier.name = description.Name();
    absl::StatusOr<TierObjectStore> store =
        OpenTierObjectStore(description, environment, fs, clock);
    if (!store.ok()) return wrong(store.status());
    tier.store = *std::move(store);
    absl::StatusOr<RemoteObjectsOptions> options =
        TierObjectsOptions(description, file.signing, fs);
    if (!options.ok()) return wrong(options.status());
    tier.options = *std::move(options);
    tiers.push_back(std::move(tier));
  }
  return tiers;
}

Digest SharedResultKey(std::string_view isolation, const Digest& result_key) {
  return Hasher("hpcc.shared-result-key.v1").Field(isolation).Field(result_key).Finish();
}

SharedResults::SharedResults(SharedResultsOptions options, SecurityEvents& events, Clock& clock)
    : options_(std::move(options)),
      events_(events),
      clock_(clock),
      queue_(options_.queued_bytes, options_.write_threads) {}

SharedResults::~SharedResults() = default;

absl::StatusOr<std::unique_ptr<SharedResults>> SharedResults::Make(SharedResultsOptions options,
                                                                   std::vector<SharedTier> tiers,
                                                                   SecurityEvents& events,
                                                                   Clock& clock) {
  std::unique_ptr<SharedResults> results(new SharedResults(std::move(options), events, clock));
  for (SharedTier& tier : tiers) HPCC_RETURN_IF_ERROR(results->AddTier(std::move(tier)));
  return results;
}

absl::Status SharedResults::AddTier(SharedTier from) {
  auto tier = std::make_shared<Tier>();
  tier->name = std::move(from.name);
  tier->read_only = from.options.read_only;
  tier->store = std::move(from.store);
  from.options.on_security_event = [this, name = tier->name](const RemoteObjectEvent& event) {
    events_.Report(
        SecurityEvent::kSharedResultRefused,
        {.detail = StrCat(event.name, ": ", name, ", ", event.object, ": ", event.detail)});
  };
  from.options.on_notice = [](const std::string& text) {
    Log(LogLevel::kWarning, StrCat("shared cache: ", text));
  };
  HPCC_ASSIGN_OR_RETURN(tier->objects,
                        RemoteObjects::Make(*tier->store.objects, std::move(from.options), clock_));
  tiers_.push_back(std::move(tier));
  return absl::OkStatus();
}

void SharedResults::Refuse(std::string_view name, const Tier& tier, const StoreKey& key,
                           std::string_view detail) {
  events_.Report(
      SecurityEvent::kSharedResultRefused,
      {.detail = StrCat(name, ": ", tier.name, ", ", tier.objects->NameOf(key), ": ", detail)});
}

std::optional<StoredResult> SharedResults::Open(const Tier& tier, const StoreKey& key,
                                                std::string_view sealed) {
  const absl::StatusOr<std::string_view> encoded = OpenSealedValue(key, sealed);
  absl::StatusOr<StoredResult> result =
      encoded.ok() ? DecodeStoredResult(*encoded) : encoded.status();
  if (!result.ok()) {
    Refuse("shared-result-malformed", tier, key, std::string(result.status().message()));
    return std::nullopt;
  }
  if (result->isolation != options_.isolation) {
    Refuse("shared-result-isolation", tier, key,
           StrCat("it was compiled behind ", result->isolation, ", and is stored as of ",
                  options_.isolation));
    return std::nullopt;
  }
  return *std::move(result);
}

std::optional<StoredResult> SharedResults::Find(const Digest& result_key, Asker asker) {
  const bool is_probe = asker == Asker::kProbe;
  const Gauge::Place place = is_probe ? probes_.Enter(options_.probes) : Gauge::Place();
  if (is_probe && !place) return std::nullopt;
  const StoreKey key{StoreNamespace::kResult, SharedResultKey(options_.isolation, result_key)};
  const int64_t until_ns =
      clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(options_.patience).count();
  for (size_t i = 0; i < tiers_.size(); ++i) {
    if (i > 0 && clock_.MonotonicNanoseconds() >= until_ns) break;
    // What goes wrong is told by the tier: once when it suspends, and of each object it refuses.
    absl::StatusOr<std::string> sealed = tiers_[i]->objects->Get(key);
    if (!sealed.ok()) continue;
    std::optional<StoredResult> result = Open(*tiers_[i], key, *sealed);
    if (!result) continue;
    for (size_t nearer = 0; nearer < i; ++nearer) Write(tiers_[nearer], key, *sealed);
    return result;
  }
  return std::nullopt;
}

void SharedResults::Add(const Digest& result_key, const StoredResult& result,
                        std::string_view encoded) {
  if (result.isolation != options_.isolation) return;  // nobody could find it
  const StoreKey key{StoreNamespace::kResult, SharedResultKey(options_.isolation, result_key)};
  const std::string sealed = SealValue(key, encoded);
  for (const std::shared_ptr<Tier>& tier : tiers_) Write(tier, key, sealed);
}

void SharedResults::Write(const std::shared_ptr<Tier>& tier, const StoreKey& key,
                          std::string sealed) {
  if (tier->read_only) return;
  const std::shared_ptr<RemoteObjects> objects(tier, tier->objects.get());
  const bool full = !queue_.Add(objects, key, std::move(sealed)).ok();
  if (full && !full_.exchange(true)) {
    Log(LogLevel::kWarning, "shared cache: too many results wait to be written; some are not");
  } else if (!full) {
    full_ = false;
  }
}

}  // namespace hpcc
