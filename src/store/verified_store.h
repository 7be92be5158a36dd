#ifndef HPCC_STORE_VERIFIED_STORE_H_
#define HPCC_STORE_VERIFIED_STORE_H_

// Seals values on the way in and checks them on the way out, so that a torn, truncated, bit-flipped
// or misplaced value is never seen above: it is removed and reported as DataLoss.
//
//   sealed = magic "HPCC" , version:u8 = 1 , namespace:u8 , key:32 , size:u64 , payload:size ,
//            seal:32
//   seal   = BLAKE3 of everything before it
//
// Integers are little-endian. Nothing may follow the seal.

#include <memory>

#include "store/store.h"

namespace hpcc {

std::string SealValue(const StoreKey& key, std::string_view payload);
// DataLoss, saying what was wrong, unless `sealed` is SealValue(key, payload) for some payload. The
// view points into `sealed`.
absl::StatusOr<std::string_view> OpenSealedValue(const StoreKey& key, std::string_view sealed);

class VerifiedStore final : public Store {
 public:
  explicit VerifiedStore(Store& inner) : inner_(inner) {}

  absl::StatusOr<std::string> Get(const StoreKey& key) override;
  absl::Status Put(const StoreKey& key, std::string_view value) override;
  absl::Status Touch(const StoreKey& key) override;
  absl::Status Remove(const StoreKey& key) override;

 private:
  Store& inner_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_VERIFIED_STORE_H_
