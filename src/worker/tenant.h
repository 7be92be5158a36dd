#ifndef HPCC_WORKER_TENANT_H_
#define HPCC_WORKER_TENANT_H_

// All a worker keeps for one tenant, apart from what it keeps for any other:
//
//   <state>/tenants/<64 hex>/tenant      the tenant's id, for people
//                            /blobs      sources and headers (worker/tenant_blobs.h)
//                            /manifests  manifests of finished jobs, by their digest: for replay
//                            /results    results by key (store/disk_store.h)
//
// The hex digits are a digest of the id: no id, whatever it is made of, names another folder.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "store/disk_store.h"
#include "store/verified_store.h"
#include "worker/tenant_blobs.h"
#include "worker/text_memo.h"
#include "worker/upload_window.h"

namespace hpcc {

// 0: no limit.
struct TenantLimits {
  uint64_t upload_bytes_per_hour = 0;
  uint32_t compiles_in_flight = 0;
  uint64_t source_store_bytes = 0;  // 0: TenantShares::sources

  friend bool operator==(const TenantLimits&, const TenantLimits&) = default;
};

// What a tenant gets on this worker's disk.
struct TenantShares {
  uint64_t sources = uint64_t{4} << 30;
  uint64_t manifests = uint64_t{512} << 20;
  uint64_t results = uint64_t{10} << 30;
};

std::string TenantFolder(std::string_view tenant);
std::string TenantFolderIn(const std::string& state_directory, std::string_view tenant);

// What is kept in a tenant's folder, also for those who only read it.
TenantBlobsOptions TenantSources(const std::string& folder, uint64_t max_bytes = 0);
TenantBlobsOptions TenantManifests(const std::string& folder, uint64_t max_bytes = 0);

// A number of things going on at once. Thread-safe.
class Gauge {
 public:
  // Gives its place back when it goes. Empty: there was none.
  class Place {
   public:
    Place() = default;
    explicit Place(Gauge* gauge) : gauge_(gauge) {}
    Place(Place&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (gauge_ != nullptr) --gauge_->count_;
    }
    explicit operator bool() const { return gauge_ != nullptr; }

   private:
    Gauge* gauge_ = nullptr;
  };

  // `limit` 0: none.
  Place Enter(uint32_t limit) {
    if (++count_ > limit && limit != 0) {
      --count_;
      return Place();
    }
    return Place(this);
  }
  uint32_t count() const { return count_; }

 private:
  std::atomic<uint32_t> count_{0};
};

// Thread-safe.
class Tenant {
 public:
  Tenant(std::string id, const std::string& folder, const TenantShares& shares, FileSystem& fs,
         Clock& clock);

  absl::Status Open();

  const std::string& id() const { return id_; }
  TenantBlobs& blobs() { return blobs_; }
  TenantBlobs& manifests() { return manifests_; }
  Store& results() { return results_; }
  TextMemo& texts() { return texts_; }
  UploadWindow& uploads() { return uploads_; }
  Gauge& compiles() { return compiles_; }
  Gauge& upload_streams() { return upload_streams_; }
  Gauge& probes() { return probes_; }

  TenantLimits limits() const;
  void SetLimits(const TenantLimits& limits);

 private:
  const std::string id_;
  const std::string folder_;
  const TenantShares shares_;
  FileSystem& fs_;
  TenantBlobs blobs_;
  TenantBlobs manifests_;
  DiskStore disk_;
  VerifiedStore results_;
  TextMemo texts_;
  UploadWindow uploads_;
  Gauge compiles_;
  Gauge upload_streams_;
  Gauge probes_;
  mutable std::mutex mutex_;
  TenantLimits limits_;
};

// The tenants somebody has come for. Thread-safe.
class Tenants {
 public:
  // `fs` and `clock` outlive the object.
  Tenants(std::string state_directory, TenantShares shares, FileSystem& fs, Clock& clock);

  // Opens what is kept for the tenant when it is asked for first; nobody else's callers wait for
  // that. `id` comes from a token that was checked. ResourceExhausted: too many tenants.
  absl::StatusOr<std::shared_ptr<Tenant>> Get(std::string_view id);

  // The scheduler's limits, for tenants that are here and for those to come. Tenants that aren't
  // named have none.
  void SetLimits(std::map<std::string, TenantLimits, std::less<>> limits);

 private:
  const std::string directory_;  // of the state
  const TenantShares shares_;
  FileSystem& fs_;
  Clock& clock_;
  struct Place {
    std::mutex opening;
    std::shared_ptr<Tenant> tenant;  // with `mutex_`; null until it is open
  };
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Place>, std::less<>> places_;
  std::map<std::string, TenantLimits, std::less<>> limits_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_TENANT_H_
