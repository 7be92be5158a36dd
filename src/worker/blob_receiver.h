#ifndef HPCC_WORKER_BLOB_RECEIVER_H_
#define HPCC_WORKER_BLOB_RECEIVER_H_

// Takes one blob in pieces, as they come from a client that is not trusted: expands and hashes each
// piece at once, writes it aside, and never holds more than a piece and a zstd window in memory.

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "worker/tenant_blobs.h"

namespace hpcc {

struct BlobHeader {
  Digest digest;      // of the blob itself
  uint64_t size = 0;  // bytes of the blob itself
  bool zstd = false;  // the pieces are one zstd frame
};

// The most that a blob of `size` bytes needs, packed or not.
uint64_t MaxBytesOnTheWire(uint64_t size);

// Not thread-safe. A receiver that goes before Finish() leaves nothing behind.
class BlobReceiver {
 public:
  // InvalidArgument: beyond kMaxBlobBytes. ResourceExhausted: no room in the share. `store` and
  // `fs` outlive the receiver.
  static absl::StatusOr<std::unique_ptr<BlobReceiver>> Begin(TenantBlobs& store, FileSystem& fs,
                                                             const BlobHeader& header);
  ~BlobReceiver();

  // InvalidArgument: more than was declared, or no zstd frame.
  absl::Status Take(std::string_view piece);
  // InvalidArgument: less than was declared, an unfinished frame, or another digest.
  absl::Status Finish();

 private:
  class Expander;

  BlobReceiver(TenantBlobs& store, FileSystem& fs, const BlobHeader& header);
  absl::Status Keep(std::string_view bytes);

  TenantBlobs& store_;
  FileSystem& fs_;
  const BlobHeader header_;
  TenantBlobs::Reservation reservation_;
  TenantBlobs::Temporary temporary_;
  bool adopted_ = false;
  uint64_t received_ = 0;  // as they came
  uint64_t expanded_ = 0;
  blake3_hasher hasher_;
  std::unique_ptr<Expander> expander_;  // null: the pieces are the blob itself
};

}  // namespace hpcc

#endif  // HPCC_WORKER_BLOB_RECEIVER_H_
