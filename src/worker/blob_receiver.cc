#include "worker/blob_receiver.h"

#include <zstd.h>

#include <array>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "worker/limits.h"

namespace hpcc {

uint64_t MaxBytesOnTheWire(uint64_t size) {
  return size + size / 64 + kZstdSlackBytes;
}

// One zstd frame, expanded piece by piece.
class BlobReceiver::Expander {
 public:
  Expander() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) return;
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog);
  }
  ~Expander() { ZSTD_freeDCtx(context_); }
  Expander(const Expander&) = delete;
  Expander& operator=(const Expander&) = delete;

  bool finished() const { return finished_; }

  template <typename Sink>
  absl::Status Expand(std::string_view piece, const Sink& sink) {
    if (context_ == nullptr) return absl::ResourceExhaustedError("no memory to expand a blob");
    ZSTD_inBuffer in = {piece.data(), piece.size(), 0};
    bool more = false;  // output that did not fit the buffer
    while (in.pos < in.size || more) {
      if (finished_) return absl::InvalidArgumentError("blob: something follows the zstd frame");
      ZSTD_outBuffer out = {buffer_.data(), buffer_.size(), 0};
      const size_t rest = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(rest) != 0) return absl::InvalidArgumentError("blob: no sound zstd frame");
      finished_ = rest == 0;
      more = !finished_ && out.pos == out.size;
      HPCC_RETURN_IF_ERROR(sink(std::string_view(buffer_.data(), out.pos)));
    }
    return absl::OkStatus();
  }

 private:
  ZSTD_DCtx* context_;
  bool finished_ = false;
  std::array<char, size_t{128} << 10> buffer_;
};

BlobReceiver::BlobReceiver(TenantBlobs& store, FileSystem& fs, const BlobHeader& header)
    : store_(store), fs_(fs), header_(header) {
  blake3_hasher_init(&hasher_);
  if (header.zstd) expander_ = std::make_unique<Expander>();
}

BlobReceiver::~BlobReceiver() {
  if (!adopted_ && !temporary_.path.empty()) fs_.Remove(temporary_.path).IgnoreError();
}

absl::StatusOr<std::unique_ptr<BlobReceiver>> BlobReceiver::Begin(TenantBlobs& store,
                                                                  FileSystem& fs,
                                                                  const BlobHeader& header) {
  if (header.size > kMaxBlobBytes) {
    return absl::InvalidArgumentError(
        StrCat("blob: ", header.size, " bytes; at most ", kMaxBlobBytes, " are taken"));
  }
  std::unique_ptr<BlobReceiver> receiver(new BlobReceiver(store, fs, header));
  HPCC_ASSIGN_OR_RETURN(receiver->reservation_, store.Reserve(header.size));
  HPCC_ASSIGN_OR_RETURN(receiver->temporary_, store.CreateTemporary());
  return receiver;
}

absl::Status BlobReceiver::Keep(std::string_view bytes) {
  if (bytes.size() > header_.size - expanded_) {
    return absl::InvalidArgumentError("blob: longer than declared");
  }
  expanded_ += bytes.size();
  blake3_hasher_update(&hasher_, bytes.data(), bytes.size());
  return temporary_.file->Write(bytes);
}

absl::Status BlobReceiver::Take(std::string_view piece) {
  if (expander_ == nullptr) return Keep(piece);
  received_ += piece.size();
  if (received_ > MaxBytesOnTheWire(header_.size)) {
    return absl::InvalidArgumentError("blob: more compressed bytes than its size can need");
  }
  return expander_->Expand(piece, [this](std::string_view bytes) { return Keep(bytes); });
}

absl::Status BlobReceiver::Finish() {
  if (expanded_ != header_.size) return absl::InvalidArgumentError("blob: shorter than declared");
  if (expander_ != nullptr && !expander_->finished()) {
    return absl::InvalidArgumentError("blob: the zstd frame has no end");
  }
  std::array<uint8_t, Digest::kSize> digest;
  blake3_hasher_finalize(&hasher_, digest.data(), digest.size());
  if (Digest(digest) != header_.digest) {
    return absl::InvalidArgumentError("blob: the bytes have another digest");
  }
  HPCC_RETURN_IF_ERROR(temporary_.file->Close());
  HPCC_RETURN_IF_ERROR(
      store_.Adopt(temporary_.path, header_.digest, header_.size, std::move(reservation_)));
  adopted_ = true;
  return absl::OkStatus();
}

}  // namespace hpcc
