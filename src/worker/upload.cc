#include "worker/upload.h"

#include "base/status.h"
#include "base/strings.h"
#include "hpcc/worker/v1/worker.pb.h"
#include "worker/limits.h"
#include "worker/retry_after.h"

namespace hpcc {

namespace {

// A share that is full of blobs that arrive at this moment.
constexpr std::chrono::milliseconds kRetryWhenNoRoom{5000};

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("upload: ", what));
}

}  // namespace

absl::Status Upload::Begin(const worker::v1::UploadBlobsRequest& message) {
  const std::optional<Digest> digest = Digest::FromBytes(message.digest());
  if (!digest) return Malformed("a digest has 32 bytes");
  if (message.size() > kMaxBlobBytes) {
    return Malformed(StrCat("a blob of ", message.size(), " bytes; at most ", kMaxBlobBytes));
  }
  in_blob_ = true;
  size_ = message.size();
  skipped_ = 0;
  receiver_.reset();
  // Before a look at what is here: bytes that are sent for nothing keep the worker busy as well.
  const auto wait = tenant_.uploads().Charge(size_, tenant_.limits().upload_bytes_per_hour,
                                             clock_.MonotonicNanoseconds());
  if (wait) return RetryLater("the tenant has uploaded as much as it may in an hour", *wait);
  if (tenant_.blobs().Contains(*digest)) return absl::OkStatus();
  auto receiver = BlobReceiver::Begin(tenant_.blobs(), fs_, {*digest, size_, message.zstd()});
  if (absl::IsResourceExhausted(receiver.status())) {
    return RetryLater(std::string(receiver.status().message()), kRetryWhenNoRoom);
  }
  if (!receiver.ok()) return receiver.status();
  receiver_ = *std::move(receiver);
  return absl::OkStatus();
}

absl::Status Upload::Skip(std::string_view piece) {
  skipped_ += piece.size();
  if (skipped_ > MaxBytesOnTheWire(size_)) return Malformed("a blob is longer than declared");
  return absl::OkStatus();
}

absl::Status Upload::Take(const worker::v1::UploadBlobsRequest& message) {
  received_ += message.data().size() + Digest::kSize;
  if (received_ > kMaxUploadBytesPerStream) return Malformed("the stream is too long");
  if (in_blob_ == !message.digest().empty()) {
    return Malformed(in_blob_ ? "a blob begins within another" : "a piece without a blob");
  }
  if (!in_blob_) HPCC_RETURN_IF_ERROR(Begin(message));
  HPCC_RETURN_IF_ERROR(receiver_ != nullptr ? receiver_->Take(message.data())
                                            : Skip(message.data()));
  if (!message.last()) return absl::OkStatus();
  if (receiver_ != nullptr) HPCC_RETURN_IF_ERROR(receiver_->Finish());
  receiver_.reset();
  in_blob_ = false;
  ++blobs_;
  bytes_ += size_;
  return absl::OkStatus();
}

absl::Status Upload::Finish() const {
  return in_blob_ ? Malformed("the stream ended within a blob") : absl::OkStatus();
}

}  // namespace hpcc
