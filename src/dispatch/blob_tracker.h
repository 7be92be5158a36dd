#ifndef HPCC_DISPATCH_BLOB_TRACKER_H_
#define HPCC_DISPATCH_BLOB_TRACKER_H_

// Which blobs one worker is known to have, and which are on their way: of many compiles that begin
// at once, each with the same headers, one sends each header and the others wait for it.

#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/digest.h"
#include "dispatch/grpc_call.h"

namespace hpcc {

// Thread-safe.
class BlobTracker {
 public:
  // Those of `digests` that the caller has to see to, and to Settle afterwards; the rest is there,
  // or is somebody else's.
  std::vector<Digest> Claim(const std::vector<Digest>& digests);
  void Settle(const std::vector<Digest>& claimed, bool there);
  // Waits until none of `digests` is on its way. Whether all are there.
  bool AwaitOthers(const std::vector<Digest>& digests, const GoOn& go_on);

  // The worker does not have these after all.
  void Forget(const std::vector<Digest>& digests);

 private:
  std::mutex mutex_;
  std::condition_variable settled_;
  absl::flat_hash_set<Digest> there_;   // guarded by mutex_
  absl::flat_hash_set<Digest> on_way_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_BLOB_TRACKER_H_
