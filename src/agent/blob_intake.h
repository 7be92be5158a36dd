#ifndef HPCC_AGENT_BLOB_INTAKE_H_
#define HPCC_AGENT_BLOB_INTAKE_H_

// Blobs as they come over a stream: piece by piece, one after another.

#include <memory>

#include "absl/status/status.h"
#include "agent/blob_store.h"
#include "hpcc/agent/v1/agent.pb.h"

namespace hpcc {

namespace agent_v1 = ::hpcc::agent::v1;

class BlobIntake {
 public:
  // With `pins` (or null) what has come whole is pinned. Both outlive this.
  BlobIntake(BlobStore& store, BlobStore::Pins* pins) : store_(store), pins_(pins) {}

  // InvalidArgument: a piece out of its turn or too long, or a blob that isn't what its digest
  // says. ResourceExhausted: no room.
  absl::Status Take(const agent_v1::PutRequest& piece);
  // At the end of the stream. InvalidArgument: in the middle of a blob.
  absl::Status End() const;

  uint64_t blobs() const { return blobs_; }
  uint64_t bytes() const { return bytes_; }

 private:
  BlobStore& store_;
  BlobStore::Pins* pins_;
  std::unique_ptr<BlobStore::Arrival> arrival_;
  uint64_t blobs_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_BLOB_INTAKE_H_
