#ifndef HPCC_CLIENT_CACHE_CHAIN_H_
#define HPCC_CLIENT_CACHE_CHAIN_H_

// The stores of a configuration, put together.
//
//   store           Tiered(Verified(Disk) | Results(Verified(Remote)), …) in the order written
//   shared_entries  Verified(Remote), …: the remote caches alone, each for itself
//
// Remote caches hold results and direct entries. What was found out about compilers and the last
// compile of each unit are matters of one machine. Results are reached through `store`, which fills
// the nearer caches with what a farther one has. Direct entries are in both and kept apart: what
// one machine knows of its files' stamps means nothing to another (ResultCache merges them).
//
// A remote cache is a matter of waiting, so it is told early what will be wanted: a program to
// speak to it is started while a compiler that isn't known here is examined, and the result an
// entry names first is asked for while its closure is being checked.
//
// Where no cache is a disk, a small one in the local directory keeps everything but results; of the
// paranoid only what was found out about compilers.

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"
#include "remote/remote_client.h"
#include "store/disk_store.h"
#include "store/tiered_store.h"
#include "store/verified_store.h"

namespace hpcc {

// Of the disk that stands in where none is configured; bytes.
inline constexpr uint64_t kLocalRecordsSize = uint64_t{1} << 30;

class CacheChain {
 public:
  // `fs` and `clock` outlive the chain. Touches no disk and no network. `environment` is that of
  // whoever compiles: it says with which credentials remote caches are asked.
  CacheChain(const Config& config, const Environment& environment, FileSystem& fs, Clock& clock);

  Store& store() { return *tiered_; }
  // None where no cache is remote.
  const std::vector<StoreTier>& shared_entries() const { return shared_entries_; }

 private:
  VerifiedStore& AddDisk(DiskStoreOptions options, FileSystem& fs, Clock& clock);

  // Each store uses those before it.
  std::vector<std::unique_ptr<DiskStore>> disks_;
  std::vector<std::unique_ptr<RemoteClient>> remotes_;
  std::vector<std::unique_ptr<VerifiedStore>> verified_;
  std::vector<std::unique_ptr<Store>> parts_;
  std::unique_ptr<TieredStore> tiered_;
  std::vector<StoreTier> shared_entries_;
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_CACHE_CHAIN_H_
