#ifndef HPCC_WORKER_UPLOAD_H_
#define HPCC_WORKER_UPLOAD_H_

// One UploadBlobs stream, message by message: the limits of a stream, the tenant's quota, and one
// receiver at a time. A blob that is here already counts for the quota like any other.

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "worker/blob_receiver.h"
#include "worker/tenant.h"

namespace hpcc {

namespace worker::v1 {
class UploadBlobsRequest;
}

// Not thread-safe.
class Upload {
 public:
  // All outlive the upload.
  Upload(Tenant& tenant, FileSystem& fs, Clock& clock) : tenant_(tenant), fs_(fs), clock_(clock) {}

  // InvalidArgument: the message doesn't fit what came before, or BlobReceiver says so.
  // ResourceExhausted, with a time to retry: the tenant's quota, or its share.
  absl::Status Take(const worker::v1::UploadBlobsRequest& message);
  // InvalidArgument: a blob is unfinished.
  absl::Status Finish() const;

  uint64_t blobs() const { return blobs_; }
  uint64_t bytes() const { return bytes_; }

 private:
  absl::Status Begin(const worker::v1::UploadBlobsRequest& message);
  absl::Status Skip(std::string_view piece);

  Tenant& tenant_;
  FileSystem& fs_;
  Clock& clock_;
  bool in_blob_ = false;
  uint64_t size_ = 0;                       // of the blob that is coming
  std::unique_ptr<BlobReceiver> receiver_;  // null: the blob is here already
  uint64_t skipped_ = 0;                    // of a blob that is here already
  uint64_t received_ = 0;                   // on the stream
  uint64_t blobs_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_UPLOAD_H_
