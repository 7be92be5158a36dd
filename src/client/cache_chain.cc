#include "client/cache_chain.h"

#include "cache/direct_entry.h"

namespace hpcc {

namespace {

// Nothing but what `keeps` says is there, and nothing else is taken.
class PartialStore : public Store {
 public:
  explicit PartialStore(Store& inner) : inner_(inner) {}

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
  virtual bool IsKept(const StoreKey& key) const = 0;

  Store& inner_;
};

// What is known here besides results; of the paranoid only what was found out about compilers.
class Records final : public PartialStore {
 public:
  Records(Store& inner, bool paranoid) : PartialStore(inner), paranoid_(paranoid) {}

 private:
  bool IsKept(const StoreKey& key) const override {
    if (paranoid_) return key.ns == StoreNamespace::kToolchain;
    return key.ns != StoreNamespace::kResult;
  }

  const bool paranoid_;
};

class RemoteResults final : public PartialStore {
 public:
  RemoteResults(Store& inner, RemoteClient& client) : PartialStore(inner), client_(client) {}

  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    // What compiler this is was not known here: nothing else will be. While it is found out,
    // hpcc-remote can start.
    if (key.ns == StoreNamespace::kToolchain) client_.Prepare();
    return PartialStore::Get(key);
  }

 private:
  bool IsKept(const StoreKey& key) const override { return key.ns == StoreNamespace::kResult; }

  RemoteClient& client_;
};

// Of an entry that is handed out, the result that is wanted most likely is on its way while its
// closure is still being checked. Not where that result is `here` already: then the entry was asked
// for because what is known here does not hold.
class RemoteEntries final : public Store {
 public:
  RemoteEntries(Store& inner, RemoteClient& client, Store* here)
      : inner_(inner), client_(client), here_(here) {}

  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    absl::StatusOr<std::string> entry = inner_.Get(key);
    if (entry.ok() && key.ns == StoreNamespace::kDirect) ExpectResultOf(*entry);
    return entry;
  }
  absl::Status Put(const StoreKey& key, std::string_view value) override {
    return inner_.Put(key, value);
  }
  absl::Status Touch(const StoreKey& key) override { return inner_.Touch(key); }
  absl::Status Remove(const StoreKey& key) override { return inner_.Remove(key); }

 private:
  void ExpectResultOf(std::string_view bytes) {
    const absl::StatusOr<DirectEntry> entry = DecodeDirectEntry(bytes, DecodeNames::kWhenNeeded);
    if (!entry.ok() || entry->records.empty()) return;
    const DirectRecord& newest = entry->records.front();
    if (newest.kind != DirectRecord::Kind::kResult) return;
    const StoreKey result = {StoreNamespace::kResult, newest.result_key};
    if (here_ == nullptr || !here_->Touch(result).ok()) client_.Expect(result);
  }

  Store& inner_;
  RemoteClient& client_;
  Store* const here_;
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
  Store* first_disk = nullptr;
  if (config.first_disk() == nullptr) {
    VerifiedStore& records =
        AddDisk({.root = config.local_directory, .max_size = kLocalRecordsSize}, fs, clock);
    parts_.push_back(std::make_unique<Records>(records, config.paranoid));
    tiers.push_back({parts_.back().get(), /*read_only=*/false});
  }
  for (const CacheTier& tier : config.cache) {
    if (!tier.remote()) {
      VerifiedStore& disk = AddDisk({.root = tier.location, .max_size = tier.max_size}, fs, clock);
      tiers.push_back({&disk, tier.read_only});
      if (first_disk == nullptr) first_disk = &disk;
      continue;
    }
    remotes_.push_back(std::make_unique<RemoteClient>(tier, config, environment, fs, clock));
    RemoteClient& remote = *remotes_.back();
    verified_.push_back(std::make_unique<VerifiedStore>(remote));
    parts_.push_back(std::make_unique<RemoteEntries>(*verified_.back(), remote, first_disk));
    shared_entries_.push_back({parts_.back().get(), tier.read_only});
    parts_.push_back(std::make_unique<RemoteResults>(*verified_.back(), remote));
    tiers.push_back({parts_.back().get(), tier.read_only});
  }
  tiered_ = std::make_unique<TieredStore>(std::move(tiers));
}

}  // namespace hpcc
