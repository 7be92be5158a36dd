#include "agent/blob_intake.h"

#include <optional>

#include "base/status.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

absl::Status BlobIntake::Take(const agent_v1::PutRequest& piece) {
  if (piece.data().size() > kAgentChunkBytes) {
    return absl::InvalidArgumentError("blob: a piece is too long");
  }
  const bool first = !piece.digest().empty();
  if (first != (arrival_ == nullptr)) {
    return absl::InvalidArgumentError("blob: a digest stands in the first piece, and there only");
  }
  if (first) {
    const std::optional<Digest> digest = Digest::FromBytes(piece.digest());
    if (!digest) return absl::InvalidArgumentError("blob: a digest has 32 bytes");
    arrival_ = std::make_unique<BlobStore::Arrival>(store_, *digest);
  }
  HPCC_RETURN_IF_ERROR(arrival_->Add(piece.data()));
  if (!piece.last()) return absl::OkStatus();
  HPCC_RETURN_IF_ERROR(arrival_->Finish(pins_));
  ++blobs_;
  bytes_ += arrival_->size();
  arrival_.reset();
  return absl::OkStatus();
}

absl::Status BlobIntake::End() const {
  if (arrival_ == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError("blob: cut short");
}

}  // namespace hpcc
