#ifndef HPCC_DAEMON_LEASE_TABLE_H_
#define HPCC_DAEMON_LEASE_TABLE_H_

// Who compiles what right now, so that a unit asked for several times at once is compiled once.
//
// A lease is a promise to compile, never a lock on a result: whoever loses patience with a holder
// takes the lease over and compiles too, and both results are right.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "base/digest.h"

namespace hpcc {

// Thread-safe. Outlives its leases.
class LeaseTable {
 public:
  struct Holder {
    uint64_t lease = 0;   // no other lease ever has this number
    int64_t process = 0;  // 0 when unknown
  };

  // Given back by its destructor.
  class Lease {
   public:
    Lease(LeaseTable& table, const Digest& key, uint64_t number)
        : table_(&table), key_(key), number_(number) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

   private:
    LeaseTable* table_;
    Digest key_;
    uint64_t number_;
  };

  // A lease, or who holds it.
  struct Outcome {
    std::unique_ptr<Lease> lease;
    Holder holder;
  };
  // `instead_of` takes over from that holder; 0 from nobody.
  Outcome Take(const Digest& key, int64_t process, uint64_t instead_of = 0);

  // Waits until `holder` is no longer the one. False: still is, after `timeout`.
  bool WaitForEndOf(const Digest& key, const Holder& holder, std::chrono::milliseconds timeout);

  // How many leases have been given back. A look-up made before a change of this number may have
  // missed what the holder left.
  uint64_t ended() const;
  size_t held() const;

 private:
  void GiveBack(const Digest& key, uint64_t number);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  absl::flat_hash_map<Digest, Holder> holders_;
  uint64_t last_number_ = 0;
  uint64_t ended_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_LEASE_TABLE_H_
