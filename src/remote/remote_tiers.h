#ifndef HPCC_REMOTE_REMOTE_TIERS_H_
#define HPCC_REMOTE_REMOTE_TIERS_H_

// The remote caches that are open in hpcc-remote: one for each description and environment somebody
// came with, so that nobody is served with another configuration's credentials.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "remote/remote_protocol.h"
#include "remote/tier_objects.h"
#include "remote/tier_statistics.h"
#include "store/remote_objects.h"

namespace hpcc {

// One of them. Thread-safe.
class RemoteTier {
 public:
  // The error is one line that says what of the description can't be right, or which file of keys
  // or secrets can't be read.
  static absl::StatusOr<std::shared_ptr<RemoteTier>> Open(const remote_v1::Open& open,
                                                          FileSystem& fs, Clock& clock);
  ~RemoteTier();

  RemoteObjects& objects() { return *objects_; }
  const CacheTier& description() const { return tier_; }

  // Adds what happened since the last time to the counters on disk.
  void SaveStatistics();

 private:
  RemoteTier(CacheTier tier, std::string local_directory, FileSystem& fs, Clock& clock);
  absl::Status Connect(const remote_v1::Open& open);
  void Notice(std::string_view text);

  const CacheTier tier_;
  const std::string local_directory_;
  FileSystem& fs_;
  Clock& clock_;
  TierObjectStore store_;
  std::unique_ptr<RemoteObjects> objects_;

  std::mutex mutex_;
  std::unique_ptr<TierStatistics> statistics_;  // guarded by mutex_; null where it can't be kept
  RemoteMetrics saved_;                         // guarded by mutex_
};

// Its objects, in a pointer that keeps all of the tier.
inline std::shared_ptr<RemoteObjects> ObjectsOf(const std::shared_ptr<RemoteTier>& tier) {
  return {tier, &tier->objects()};
}

// Thread-safe.
class RemoteTiers {
 public:
  // Both outlive it.
  RemoteTiers(FileSystem& fs, Clock& clock) : fs_(fs), clock_(clock) {}

  // The tier that `open` describes; made when it is new, or when a file it names (secrets, keys,
  // authorities) has changed. An error is remembered for a few seconds.
  absl::StatusOr<std::shared_ptr<RemoteTier>> For(const remote_v1::Open& open);

  void SaveStatistics();

 private:
  struct Slot {
    absl::StatusOr<std::shared_ptr<RemoteTier>> tier = absl::UnknownError("");
    int64_t failed_ns = 0;  // monotonic
  };
  std::string KeyOf(const remote_v1::Open& open) const;
  std::vector<std::shared_ptr<RemoteTier>> All();

  FileSystem& fs_;
  Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Slot> slots_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_TIERS_H_
