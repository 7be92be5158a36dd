#include "client/cache_chain.h"

namespace hpcc {

CacheChain::CacheChain(const Config& config, FileSystem& fs, Clock& clock) {
  std::vector<StoreTier> tiers;
  for (const CacheTier& tier : config.cache) {
    disks_.push_back(std::make_unique<DiskStore>(
        DiskStoreOptions{.root = tier.location, .max_size = tier.max_size}, fs, clock));
    verified_.push_back(std::make_unique<VerifiedStore>(*disks_.back()));
    tiers.push_back({verified_.back().get(), tier.read_only});
  }
  tiered_ = std::make_unique<TieredStore>(std::move(tiers));
}

}  // namespace hpcc
