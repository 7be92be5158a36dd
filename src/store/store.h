#ifndef HPCC_STORE_STORE_H_
#define HPCC_STORE_STORE_H_

// Bytes by key. A store knows nothing of compilers: it keeps values, gives them back whole, and
// bounds what it keeps. Stores compose: each adds one idea and passes the rest on, as
// Verified(Disk) does, or Verified(Tiered(Disk, S3)).

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"

namespace hpcc {

// The kinds of things kept. The names are folder names on disk and prefixes in a bucket, so a
// value's name is never changed or given another meaning.
enum class StoreNamespace : uint8_t {
  kResult = 0,     // "result": one bundle of a compile's outputs, never changed once written
  kDirect = 1,     // "direct": the closures recorded for one source and command line
  kToolchain = 2,  // "toolchain": what was found out about a compiler
  kUnit = 3,       // "unit": the last compile of a source or output, for explain and inspect
};
inline constexpr int kStoreNamespaceCount = 4;

std::string_view StoreNamespaceName(StoreNamespace ns);

struct StoreKey {
  StoreNamespace ns;
  Digest digest;

  friend bool operator==(const StoreKey&, const StoreKey&) = default;
};

// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  // NotFound: a miss. DataLoss: something was there, was wrong, and has been removed; callers treat
  // it as a miss and report it. Anything else: the store itself failed.
  virtual absl::StatusOr<std::string> Get(const StoreKey& key) = 0;

  // After OK, Get() returns `value` until it is evicted, removed or replaced. A reader never sees a
  // part of it.
  virtual absl::Status Put(const StoreKey& key, std::string_view value) = 0;

  // Marks the value as used just now, without reading it. NotFound: there is none.
  virtual absl::Status Touch(const StoreKey& key) = 0;

  // OK also when there was nothing.
  virtual absl::Status Remove(const StoreKey& key) = 0;
};

}  // namespace hpcc

#endif  // HPCC_STORE_STORE_H_
