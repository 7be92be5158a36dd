#include "client/cache_chain.h"

namespace hpcc {

namespace {

// Which values of a store there are: the others aren't there and aren't taken.
enum class Part : uint8_t { kResults, kRecords, kToolchains };

class PartialStore final : public Store {
 public:
  PartialStore(Store& inner, Part part) : inner_(inner), part_(part) {}

  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    if (!IsKept(key)) return absl::NotFoundError("not kept here");
    return inner_.Get(key);
  }
  absl::Status Put(const StoreKey& key, std::string_view value) override {
    if (!IsKept(key)) return absl::PermissionDeniedError("not kept here");
    return inner_.Put(key, value);
  }
  absl::Status Touch(const StoreKey& key) override {
    if (!IsKept(key)) return absl::NotFoundError("not kept here");
    return inner_.Touch(key);
  }
  absl::Status Remove(const StoreKey& key) override {
    return IsKept(key) ? inner_.Remove(key) : absl::OkStatus();
  }

 private:
  bool IsKept(const StoreKey& key) const {
    if (part_ == Part::kToolchains) return key.ns == StoreNamespace::kToolchain;
    return (key.ns == StoreNamespace::kResult) == (part_ == Part::kResults);
  }

  Store& inner_;
  const Part part_;
};

}  // namespace

VerifiedStore& CacheChain::AddDisk(DiskStoreOptions options, FileSystem& fs, Clock& clock) {
  disks_.push_back(std::make_unique<DiskStore>(std::move(options), fs, clock));
  verified_.push_back(std::make_unique<VerifiedStore>(*disks_.back()));
  return *verified_.back();
}

CacheChain::CacheChain(const Config& config, const Environment& environment, FileSystem& fs,
                       Clock& clock) {
  std::vector<StoreTier> tiers;
  std::vector<StoreTier> shared;
  if (config.first_disk() == nullptr) {
    VerifiedStore& records =
        AddDisk({.root = config.local_directory, .max_size = kLocalRecordsSize}, fs, clock);
    parts_.push_back(std::make_unique<PartialStore>(
        records, config.paranoid ? Part::kToolchains : Part::kRecords));
    tiers.push_back({parts_.back().get(), /*read_only=*/false});
  }
  for (const CacheTier& tier : config.cache) {
    if (!tier.remote()) {
      VerifiedStore& disk = AddDisk({.root = tier.location, .max_size = tier.max_size}, fs, clock);
      tiers.push_back({&disk, tier.read_only});
      continue;
    }
    remotes_.push_back(std::make_unique<RemoteClient>(tier, config, environment, fs, clock));
    verified_.push_back(std::make_unique<VerifiedStore>(*remotes_.back()));
    shared.push_back({verified_.back().get(), tier.read_only});
    parts_.push_back(std::make_unique<PartialStore>(*verified_.back(), Part::kResults));
    tiers.push_back({parts_.back().get(), tier.read_only});
  }
  tiered_ = std::make_unique<TieredStore>(std::move(tiers));
  if (!shared.empty()) shared_entries_ = std::make_unique<TieredStore>(std::move(shared));
}

}  // namespace hpcc
