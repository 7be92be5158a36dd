#ifndef HPCC_SCHEDULER_TENANT_DIRECTORY_H_
#define HPCC_SCHEDULER_TENANT_DIRECTORY_H_

// The tenants of one configuration, each with the key set of its identity provider. Immutable but
// for those key sets: a reload makes another directory, which takes over the key sets of providers
// that stayed the same.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "auth/key_set_cache.h"
#include "base/clock.h"
#include "hpcc/scheduler/v1/scheduler.pb.h"
#include "scheduler/scheduler_config.h"

namespace hpcc {

struct Tenant {
  TenantConfig config;
  std::shared_ptr<KeySetCache> keys;
};

// How the keys of a tenant's identity provider are fetched; tests put something else in its place.
using KeyFetcherFactory = std::function<KeySetCache::Fetch(const TenantConfig&, Clock&)>;
KeySetCache::Fetch FetchFromProvider(const TenantConfig& tenant, Clock& clock);

// Thread-safe.
class TenantDirectory {
 public:
  // `decoy_secret`: what answers about unknown tenants are derived from.
  TenantDirectory(std::vector<TenantConfig> tenants, std::string decoy_zone,
                  std::string decoy_secret, Clock& clock, const KeyFetcherFactory& fetcher,
                  const TenantDirectory* previous);

  // Null: there is none of this name.
  const Tenant* Find(std::string_view id) const;
  const std::vector<Tenant>& tenants() const { return tenants_; }

  // Of an unknown tenant: the same answer every time, with the same members set as that of some
  // tenant there is, made by the same steps. The addresses in it lead to nobody.
  scheduler::v1::GetTenantIdPResponse IdentityProvider(std::string_view id) const;

  // What workers are told, in the order of the configuration.
  const std::vector<scheduler::v1::TenantLimits>& limits() const { return limits_; }

 private:
  scheduler::v1::GetTenantIdPResponse Decoy(std::string_view id) const;

  std::shared_ptr<WaitingRoom> room_;
  std::vector<Tenant> tenants_;
  absl::flat_hash_map<std::string, size_t> places_;
  std::vector<scheduler::v1::TenantLimits> limits_;
  std::string decoy_zone_;
  std::string decoy_secret_;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_TENANT_DIRECTORY_H_
