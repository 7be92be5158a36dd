#include "store/tiered_store.h"

namespace hpcc {

absl::StatusOr<std::string> TieredStore::Get(const StoreKey& key) {
  absl::Status failure = absl::OkStatus();
  for (size_t i = 0; i < tiers_.size(); ++i) {
    absl::StatusOr<std::string> value = tiers_[i].store->Get(key);
    if (value.ok()) {
      for (size_t nearer = 0; nearer < i; ++nearer) {
        if (!tiers_[nearer].read_only) tiers_[nearer].store->Put(key, *value).IgnoreError();
      }
      return value;
    }
    if (failure.ok() || (absl::IsDataLoss(value.status()) && !absl::IsDataLoss(failure))) {
      failure = value.status();
    }
  }
  return failure.ok() ? absl::NotFoundError("no tiers") : failure;
}

absl::Status TieredStore::Put(const StoreKey& key, std::string_view value) {
  absl::Status failure = absl::PermissionDeniedError("every cache is read-only");
  bool kept = false;
  bool tried = false;
  for (const StoreTier& tier : tiers_) {
    if (tier.read_only) continue;
    const absl::Status status = tier.store->Put(key, value);
    kept |= status.ok();
    if (!status.ok() && !tried) failure = status;
    tried |= !status.ok();
  }
  return kept ? absl::OkStatus() : failure;
}

absl::Status TieredStore::Touch(const StoreKey& key) {
  absl::Status failure = absl::NotFoundError("no tier has it");
  for (const StoreTier& tier : tiers_) {
    const absl::Status status = tier.store->Touch(key);
    if (status.ok()) return status;
    if (!absl::IsNotFound(status)) failure = status;
  }
  return failure;
}

absl::Status TieredStore::Remove(const StoreKey& key) {
  absl::Status failure = absl::OkStatus();
  for (const StoreTier& tier : tiers_) {
    if (tier.read_only) continue;
    const absl::Status status = tier.store->Remove(key);
    if (failure.ok()) failure = status;
  }
  return failure;
}

}  // namespace hpcc
