#ifndef HPCC_CLIENT_CACHE_CHAIN_H_
#define HPCC_CLIENT_CACHE_CHAIN_H_

// The stores of a configuration, put together: Tiered(Verified(Disk), Verified(Disk), …).

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "config/config.h"
#include "store/disk_store.h"
#include "store/tiered_store.h"
#include "store/verified_store.h"

namespace hpcc {

class CacheChain {
 public:
  // `fs` and `clock` outlive the chain. Touches no disk.
  CacheChain(const Config& config, FileSystem& fs, Clock& clock);

  Store& store() { return *tiered_; }

 private:
  std::vector<std::unique_ptr<DiskStore>> disks_;
  std::vector<std::unique_ptr<VerifiedStore>> verified_;
  std::unique_ptr<TieredStore> tiered_;
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_CACHE_CHAIN_H_
