#include "worker/tenant.h"

#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "worker/limits.h"

namespace hpcc {

std::string TenantFolder(std::string_view tenant) {
  return Hasher("hpcc.tenant-folder.v1").Field(tenant).Finish().ToHex();
}

std::string TenantFolderIn(const std::string& state_directory, std::string_view tenant) {
  return path::Join(path::Join(state_directory, "tenants"), TenantFolder(tenant));
}

TenantBlobsOptions TenantSources(const std::string& folder, uint64_t max_bytes) {
  return {path::Join(folder, "blobs"), max_bytes, &Digest::Of};
}

TenantBlobsOptions TenantManifests(const std::string& folder, uint64_t max_bytes) {
  return {path::Join(folder, "manifests"), max_bytes, &ManifestDigest};
}

Tenant::Tenant(std::string id, const std::string& folder, const TenantShares& shares,
               FileSystem& fs, Clock& clock)
    : id_(std::move(id)),
      folder_(folder),
      shares_(shares),
      fs_(fs),
      blobs_(TenantSources(folder, shares.sources), fs, clock),
      manifests_(TenantManifests(folder, shares.manifests), fs, clock),
      disk_({path::Join(folder, "results"), shares.results}, fs, clock),
      results_(disk_) {}

absl::Status Tenant::Open() {
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs_, folder_, 0700));
  const std::string label = path::Join(folder_, "tenant");
  if (!FileExists(fs_, label)) {
    HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs_, label, StrCat(id_, "\n"), 0600));
  }
  HPCC_RETURN_IF_ERROR(blobs_.Open());
  return manifests_.Open();
}

TenantLimits Tenant::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

void Tenant::SetLimits(const TenantLimits& limits) {
  {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
  }
  blobs_.SetMaxBytes(limits.source_store_bytes != 0 ? limits.source_store_bytes : shares_.sources);
}

Tenants::Tenants(std::string state_directory, TenantShares shares, FileSystem& fs, Clock& clock)
    : directory_(std::move(state_directory)), shares_(shares), fs_(fs), clock_(clock) {}

absl::StatusOr<std::shared_ptr<Tenant>> Tenants::Get(std::string_view id) {
  std::shared_ptr<Place> place;
  {
    const std::lock_guard lock(mutex_);
    auto found = places_.find(id);
    if (found == places_.end()) {
      if (places_.size() >= kMaxTenants) return absl::ResourceExhaustedError("too many tenants");
      found = places_.emplace(id, std::make_shared<Place>()).first;
    }
    place = found->second;
    if (place->tenant != nullptr) return place->tenant;
  }
  const std::lock_guard opening(place->opening);
  {
    const std::lock_guard lock(mutex_);
    if (place->tenant != nullptr) return place->tenant;
  }
  auto tenant = std::make_shared<Tenant>(std::string(id), TenantFolderIn(directory_, id), shares_,
                                         fs_, clock_);
  HPCC_RETURN_IF_ERROR(tenant->Open());
  const std::lock_guard lock(mutex_);
  if (const auto limits = limits_.find(id); limits != limits_.end()) {
    tenant->SetLimits(limits->second);
  }
  place->tenant = tenant;
  return tenant;
}

void Tenants::SetLimits(std::map<std::string, TenantLimits, std::less<>> limits) {
  const std::lock_guard lock(mutex_);
  limits_ = std::move(limits);
  for (const auto& [id, place] : places_) {
    if (place->tenant == nullptr) continue;
    const auto found = limits_.find(id);
    place->tenant->SetLimits(found == limits_.end() ? TenantLimits() : found->second);
  }
}

}  // namespace hpcc
