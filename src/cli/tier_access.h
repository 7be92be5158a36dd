#ifndef HPCC_CLI_TIER_ACCESS_H_
#define HPCC_CLI_TIER_ACCESS_H_

// One configured cache, of whatever type, as the commands walk it. Values are sealed, as kept.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "store/store.h"

namespace hpcc {

class TierAccess {
 public:
  static std::unique_ptr<TierAccess> Open(const CommandContext& context, const CacheTier& tier);
  virtual ~TierAccess() = default;

  // Which kinds of values it may hold.
  virtual std::vector<StoreNamespace> Namespaces() const = 0;
  // All keys of one kind. Unimplemented: this type of cache can't tell.
  virtual absl::StatusOr<std::vector<StoreKey>> List(StoreNamespace ns) = 0;
  // Whether it has the key, unread, for those that can't list.
  virtual absl::StatusOr<bool> Has(const StoreKey& key) = 0;
  // Without marking the value as used.
  virtual absl::StatusOr<std::string> Get(const StoreKey& key) = 0;
  // OK: it is kept now.
  virtual absl::Status Put(const StoreKey& key, std::string_view sealed) = 0;
  virtual absl::Status Remove(const StoreKey& key) = 0;
};

// The cache somebody means by `name`: its number in the configuration, its type where only one is
// of that type, or its location, bucket or URL. NotFound is worded for the user.
absl::StatusOr<const CacheTier*> FindTier(const Config& config, std::string_view name);

}  // namespace hpcc

#endif  // HPCC_CLI_TIER_ACCESS_H_
