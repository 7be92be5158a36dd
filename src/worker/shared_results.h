#ifndef HPCC_WORKER_SHARED_RESULTS_H_
#define HPCC_WORKER_SHARED_RESULTS_H_

// The results workers share with each other, in the caches of a cache file (cache_file.h): what one
// has compiled is a hit on all of them.
//
//   key   = BLAKE3("hpcc.shared-result-key.v1", isolation, result key)
//   value = StoredResult (stored_result.h), as RemoteObjects keeps it (store/remote_objects.h)
//
// `result key` is WorkerResultKey's, so the tenant is in it. `isolation` is that of the worker's
// sandboxes: what was compiled behind a weaker boundary is never a hit behind a stronger one.
//
// Nobody waits long for a shared cache: what RemoteObjects bounds is bounded, at most a few probes
// ask at once, and writes are taken into memory and done later. Whatever goes wrong is a miss.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "remote/tier_objects.h"
#include "remote/write_queue.h"
#include "store/remote_objects.h"
#include "telemetry/security_events.h"
#include "worker/cache_file.h"
#include "worker/stored_result.h"
#include "worker/tenant.h"

namespace hpcc {

// A cache that can be asked; nothing has been yet.
struct SharedTier {
  std::string name;
  TierObjectStore store;
  RemoteObjectsOptions options;  // without callbacks
};

// The tiers of a cache file. Connects to nothing; `fs` and `clock` outlive them. The error says
// which of their files of secrets and keys can't be used, or what of a description can't be right.
absl::StatusOr<std::vector<SharedTier>> OpenSharedTiers(const CacheFile& file,
                                                        const Environment& environment,
                                                        FileSystem& fs, Clock& clock);

Digest SharedResultKey(std::string_view isolation, const Digest& result_key);

struct SharedResultsOptions {
  std::string isolation;                        // of this worker's sandboxes
  uint32_t probes = 4;                          // that may ask at once
  uint64_t queued_bytes = uint64_t{256} << 20;  // that wait to be written
  int write_threads = 2;
  // Once that much time was spent no further tier is asked: a read takes 2 s at most, so that a
  // look-up takes less than 4 s, however many tiers there are.
  std::chrono::milliseconds patience{2000};
};

// Thread-safe.
class SharedResults {
 public:
  // `events` and `clock` outlive it. InvalidArgument: a namespace.
  static absl::StatusOr<std::unique_ptr<SharedResults>> Make(SharedResultsOptions options,
                                                             std::vector<SharedTier> tiers,
                                                             SecurityEvents& events, Clock& clock);
  // Gives up what still waits to be written. Waits for what is being written: 5 s at most.
  ~SharedResults();

  // Probes have few threads, which must not all wait for a network: a probe that would be one too
  // many finds nothing. A compile has a thread of its own.
  enum class Asker : uint8_t { kProbe, kCompile };

  // What this or another worker has stored; nothing is a miss. What comes of a farther tier is
  // given to the nearer ones. Whatever nobody honest can have stored is a security event.
  std::optional<StoredResult> Find(const Digest& result_key, Asker asker);

  // Takes `encoded` (EncodeStoredResult of `result`) for all tiers that are written to, and returns
  // at once. What does not fit into memory is not shared.
  void Add(const Digest& result_key, const StoredResult& result, std::string_view encoded);

  // Waits until everything is written. False: it took longer.
  bool Flush(std::chrono::milliseconds patience) { return queue_.Flush(patience); }

 private:
  struct Tier {
    std::string name;
    bool read_only = false;
    TierObjectStore store;
    std::unique_ptr<RemoteObjects> objects;  // uses `store`
  };

  SharedResults(SharedResultsOptions options, SecurityEvents& events, Clock& clock);
  absl::Status AddTier(SharedTier tier);
  void Refuse(std::string_view name, const Tier& tier, const StoreKey& key,
              std::string_view detail);
  // Of what was got for `key`; nothing is a miss.
  std::optional<StoredResult> Open(const Tier& tier, const StoreKey& key, std::string_view sealed);
  void Write(const std::shared_ptr<Tier>& tier, const StoreKey& key, std::string sealed);

  const SharedResultsOptions options_;
  SecurityEvents& events_;
  Clock& clock_;
  Gauge probes_;
  std::atomic<bool> full_{false};  // of the queue, when it was last asked
  std::vector<std::shared_ptr<Tier>> tiers_;
  WriteQueue queue_;  // last: its threads write to the tiers
};

}  // namespace hpcc

#endif  // HPCC_WORKER_SHARED_RESULTS_H_
