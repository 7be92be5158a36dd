#include "cli/caches.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/text.h"
#include "client/cache_chain.h"
#include "remote/remote_client.h"
#include "store/verified_store.h"

namespace hpcc {

namespace {

// Every absolute path by which a compile may have recorded the file.
std::vector<std::string> PathsOf(const CommandContext& context, const std::string& file) {
  std::vector<std::string> paths;
  const auto add = [&paths](std::string candidate) {
    if (std::find(paths.begin(), paths.end(), candidate) == paths.end()) {
      paths.push_back(std::move(candidate));
    }
  };
  add(path::Normalize(path::Join(context.cwd, file)));
  if (const absl::StatusOr<std::string> physical = context.fs.RealPath(context.cwd);
      physical.ok()) {
    add(path::Normalize(path::Join(*physical, file)));
  }
  if (absl::StatusOr<std::string> resolved = context.fs.RealPath(path::Join(context.cwd, file));
      resolved.ok()) {
    add(*std::move(resolved));
  }
  return paths;
}

}  // namespace

DiskStore OpenDiskStore(const CommandContext& context, const CacheTier& tier) {
  return DiskStore({.root = tier.location, .max_size = tier.max_size}, context.fs, context.clock);
}

std::vector<CacheTier> SearchedTiers(const Config& config) {
  std::vector<CacheTier> tiers;
  if (config.first_disk() == nullptr) {
    tiers.emplace_back();
    tiers.back().location = config.local_directory;
    tiers.back().max_size = kLocalRecordsSize;
  }
  tiers.insert(tiers.end(), config.cache.begin(), config.cache.end());
  return tiers;
}

absl::StatusOr<FoundValue> FindValue(const CommandContext& context, const StoreKey& key) {
  absl::Status failure = absl::NotFoundError("not in the cache");
  for (const CacheTier& tier : SearchedTiers(context.config)) {
    const bool is_shared = key.ns == StoreNamespace::kResult || key.ns == StoreNamespace::kDirect;
    if (tier.remote() && !is_shared) continue;
    const absl::StatusOr<std::string> sealed =
        tier.remote()
            ? RemoteClient(tier, context.config, context.environment, context.fs, context.clock)
                  .Get(key)
            : OpenDiskStore(context, tier).Get(key);
    if (absl::IsNotFound(sealed.status()) || absl::IsUnavailable(sealed.status())) continue;
    const absl::StatusOr<std::string_view> payload =
        sealed.ok() ? OpenSealedValue(key, *sealed) : sealed.status();
    if (!payload.ok()) {
      failure = payload.status();
      continue;
    }
    return FoundValue{std::string(*payload),
                      tier.remote() ? tier.Name() : OpenDiskStore(context, tier).PathOf(key),
                      sealed->size()};
  }
  return failure;
}

absl::StatusOr<UnitRecord> FindUnitRecord(const CommandContext& context, const std::string& file) {
  for (const std::string& candidate : PathsOf(context, file)) {
    const absl::StatusOr<FoundValue> found = FindValue(context, UnitKey(candidate));
    if (absl::IsNotFound(found.status())) continue;
    if (!found.ok()) return found.status();
    return DecodeUnitRecord(found->value);
  }
  return absl::NotFoundError(
      StrCat("nothing is recorded of ", Printable(file),
             "; it was not compiled through this cache, or that was long ago"));
}

}  // namespace hpcc
