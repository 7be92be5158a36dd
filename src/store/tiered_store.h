#ifndef HPCC_STORE_TIERED_STORE_H_
#define HPCC_STORE_TIERED_STORE_H_

// Several stores as one, nearest first: reads walk the tiers and fill the nearer ones with what
// they find, writes go to every tier that takes them.

#include <vector>

#include "store/store.h"

namespace hpcc {

struct StoreTier {
  Store* store = nullptr;  // outlives the tiered store
  bool read_only = false;
};

class TieredStore final : public Store {
 public:
  explicit TieredStore(std::vector<StoreTier> tiers) : tiers_(std::move(tiers)) {}

  // The first tier's answer that is a value. Without one: DataLoss if any tier held something
  // damaged, else the first tier's error.
  absl::StatusOr<std::string> Get(const StoreKey& key) override;
  // OK when at least one tier kept the value; else the first error. PermissionDenied when every
  // tier is read-only.
  absl::Status Put(const StoreKey& key, std::string_view value) override;
  absl::Status Touch(const StoreKey& key) override;
  absl::Status Remove(const StoreKey& key) override;

 private:
  std::vector<StoreTier> tiers_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_TIERED_STORE_H_
