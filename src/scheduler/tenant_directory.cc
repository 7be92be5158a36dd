#include "scheduler/tenant_directory.h"

#include <cstring>

#include "auth/identity_provider.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/strings.h"
#include "scheduler/limits.h"
#include "store/http_transfer.h"

namespace hpcc {

namespace {

using scheduler::v1::GetTenantIdPResponse;
using scheduler::v1::TenantLimits;

// Whether the keys fetched for one are those of the other.
bool SameProvider(const TenantConfig& a, const TenantConfig& b) {
  return a.issuer == b.issuer && a.jwks_url == b.jwks_url && a.ca_file == b.ca_file;
}

// Scheme, host and port.
std::string OriginOf(const TenantConfig& tenant) {
  const std::string& url = tenant.jwks_url.empty() ? tenant.issuer : tenant.jwks_url;
  const size_t host = url.find("://");
  return url.substr(0, host == std::string::npos ? host : url.find('/', host + 3));
}

GetTenantIdPResponse AnswerOf(const TenantConfig& tenant) {
  GetTenantIdPResponse answer;
  answer.set_issuer(tenant.issuer);
  answer.set_token_url(tenant.token_url);
  answer.set_client_id(tenant.client_id);
  answer.set_audience(tenant.audience);
  answer.set_scope(tenant.scope);
  return answer;
}

TenantLimits LimitsOf(const TenantConfig& tenant) {
  TenantLimits limits;
  limits.set_tenant(tenant.id);
  limits.set_upload_bytes_per_hour(tenant.upload_bytes_per_hour);
  limits.set_compiles_in_flight(tenant.compiles_in_flight);
  limits.set_source_store_bytes(tenant.source_store_bytes);
  return limits;
}

}  // namespace

KeySetCache::Fetch FetchFromProvider(const TenantConfig& tenant, Clock& clock) {
  auto transfer =
      std::make_shared<HttpTransfer>(HttpTransferOptions{.ca_file = tenant.ca_file}, clock);
  return [transfer, issuer = tenant.issuer, jwks_url = tenant.jwks_url,
          &clock](std::chrono::milliseconds bound) -> absl::StatusOr<KeySet> {
    const int64_t began_ns = clock.MonotonicNanoseconds();
    std::string url = jwks_url;
    if (url.empty()) {
      HPCC_ASSIGN_OR_RETURN(const ProviderEndpoints endpoints,
                            DiscoverProvider(*transfer, issuer, bound));
      if (endpoints.jwks_url.empty()) {
        return absl::FailedPreconditionError("the discovery document has no jwks_uri");
      }
      url = endpoints.jwks_url;
    }
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::nanoseconds(clock.MonotonicNanoseconds() - began_ns));
    if (spent >= bound) return absl::DeadlineExceededError("discovery took all the time there was");
    return FetchJwks(*transfer, url, bound - spent);
  };
}

TenantDirectory::TenantDirectory(std::vector<TenantConfig> tenants, std::string decoy_zone,
                                 std::string decoy_secret, Clock& clock,
                                 const KeyFetcherFactory& fetcher, const TenantDirectory* previous)
    : room_(previous != nullptr
                ? previous->room_
                : std::make_shared<WaitingRoom>(kMaxWaitingForProvider, kMaxWaitingForProviders)),
      decoy_zone_(std::move(decoy_zone)),
      decoy_secret_(std::move(decoy_secret)) {
  for (TenantConfig& config : tenants) {
    Tenant tenant{std::move(config), nullptr};
    const Tenant* before = previous == nullptr ? nullptr : previous->Find(tenant.config.id);
    tenant.keys = before != nullptr && SameProvider(before->config, tenant.config)
                      ? before->keys
                      : std::make_shared<KeySetCache>(
                            fetcher(tenant.config, clock), clock,
                            KeySetCacheOptions{.room = room_, .provider = OriginOf(tenant.config)});
    places_.emplace(tenant.config.id, tenants_.size());
    limits_.push_back(LimitsOf(tenant.config));
    tenants_.push_back(std::move(tenant));
  }
}

const Tenant* TenantDirectory::Find(std::string_view id) const {
  const auto found = places_.find(std::string(id));
  return found == places_.end() ? nullptr : &tenants_[found->second];
}

GetTenantIdPResponse TenantDirectory::Decoy(std::string_view id) const {
  const Digest digest = Hasher("hpcc.scheduler.decoy.v1").Field(decoy_secret_).Field(id).Finish();
  const std::string hex = digest.ToHex();
  uint64_t number = 0;
  std::memcpy(&number, digest.bytes().data(), sizeof(number));
  const TenantConfig& model = tenants_[number % tenants_.size()].config;
  const std::string host = StrCat("https://login-", hex.substr(16, 12), ".", decoy_zone_);
  GetTenantIdPResponse answer;
  answer.set_issuer(host);
  if (!model.token_url.empty()) answer.set_token_url(StrCat(host, "/token"));
  answer.set_client_id(StrCat("hpcc-", hex.substr(28, 8)));
  answer.set_audience(StrCat("hpcc-", hex.substr(36, 8)));
  answer.set_scope(model.scope);
  return answer;
}

GetTenantIdPResponse TenantDirectory::IdentityProvider(std::string_view id) const {
  // Both are made each time, so that the time tells nothing.
  GetTenantIdPResponse decoy = Decoy(id);
  const Tenant* tenant = Find(id);
  GetTenantIdPResponse real = AnswerOf(tenant == nullptr ? tenants_[0].config : tenant->config);
  return tenant == nullptr ? std::move(decoy) : std::move(real);
}

}  // namespace hpcc
