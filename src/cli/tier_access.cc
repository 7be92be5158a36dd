#include "cli/tier_access.h"

#include "base/strings.h"
#include "cli/caches.h"
#include "cli/text.h"
#include "remote/remote_client.h"

namespace hpcc {

namespace {

class DiskAccess final : public TierAccess {
 public:
  DiskAccess(const CommandContext& context, const CacheTier& tier)
      : fs_(context.fs), store_(OpenDiskStore(context, tier)) {}

  std::vector<StoreNamespace> Namespaces() const override {
    return {StoreNamespace::kResult, StoreNamespace::kDirect, StoreNamespace::kToolchain,
            StoreNamespace::kUnit};
  }
  absl::StatusOr<std::vector<StoreKey>> List(StoreNamespace ns) override {
    std::vector<StoreKey> keys;
    const absl::Status walked = store_.ForEach(ns, [&keys](const StoreKey& key) {
      keys.push_back(key);
      return true;
    });
    if (!walked.ok()) return walked;
    return keys;
  }
  absl::StatusOr<bool> Has(const StoreKey& key) override {
    return FileExists(fs_, store_.PathOf(key));
  }
  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    return ReadFile(fs_, store_.PathOf(key), kMaxStoredBytes);
  }
  absl::Status Put(const StoreKey& key, std::string_view sealed) override {
    return store_.Put(key, sealed);
  }
  absl::Status Remove(const StoreKey& key) override { return store_.Remove(key); }

 private:
  FileSystem& fs_;
  DiskStore store_;
};

class RemoteAccess final : public TierAccess {
 public:
  RemoteAccess(const CommandContext& context, const CacheTier& tier)
      : client_(tier, context.config, context.environment, context.fs, context.clock) {}

  std::vector<StoreNamespace> Namespaces() const override {
    return {StoreNamespace::kResult, StoreNamespace::kDirect};
  }
  absl::StatusOr<std::vector<StoreKey>> List(StoreNamespace ns) override {
    const absl::StatusOr<std::vector<RemoteClient::Entry>> entries = client_.List(ns);
    if (!entries.ok()) return entries.status();
    std::vector<StoreKey> keys;
    for (const RemoteClient::Entry& entry : *entries) keys.push_back({ns, entry.digest});
    return keys;
  }
  absl::StatusOr<bool> Has(const StoreKey& key) override { return client_.WalkExists(key); }
  absl::StatusOr<std::string> Get(const StoreKey& key) override { return client_.WalkGet(key); }
  absl::Status Put(const StoreKey& key, std::string_view sealed) override {
    return client_.PutAndWait(key, sealed);
  }
  absl::Status Remove(const StoreKey& key) override { return client_.Remove(key); }

 private:
  RemoteClient client_;
};

bool IsMeant(const Config& config, size_t index, std::string_view name) {
  const CacheTier& tier = config.cache[index];
  return name == StrCat(index) || name == CacheTypeName(tier.type) || name == tier.Name() ||
         (tier.type == CacheTier::Type::kS3 &&
          (name == tier.s3.bucket || name == StrCat("s3://", tier.s3.bucket))) ||
         (tier.type == CacheTier::Type::kHttp && name == tier.http.url);
}

}  // namespace

std::unique_ptr<TierAccess> TierAccess::Open(const CommandContext& context, const CacheTier& tier) {
  if (tier.remote()) return std::make_unique<RemoteAccess>(context, tier);
  return std::make_unique<DiskAccess>(context, tier);
}

absl::StatusOr<const CacheTier*> FindTier(const Config& config, std::string_view name) {
  const CacheTier* found = nullptr;
  std::string known;
  for (size_t i = 0; i < config.cache.size(); ++i) {
    const CacheTier& tier = config.cache[i];
    StrAppend(&known, known.empty() ? "" : ", ", i, " (", CacheTypeName(tier.type), ", ",
              Printable(tier.Name()), ")");
    if (!IsMeant(config, i, name)) continue;
    if (found != nullptr) {
      return absl::NotFoundError(StrCat("\"", Printable(name),
                                        "\" is more than one of the configured caches; name one by "
                                        "its number"));
    }
    found = &tier;
  }
  if (found != nullptr) return found;
  return absl::NotFoundError(
      StrCat("\"", Printable(name), "\" is none of the configured caches, which are ", known));
}

}  // namespace hpcc
