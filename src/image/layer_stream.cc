#include "image/layer_stream.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kReadSize = 256 << 10;
constexpr size_t kTarSize = 256 << 10;

}  // namespace

LayerStream::LayerStream(std::unique_ptr<File> file, const LayerStreamLimits& limits,
                         std::function<absl::Status(uint64_t)> on_read)
    : file_(std::move(file)), limits_(limits), on_read_(std::move(on_read)) {
  tar_.resize(kTarSize);
}

absl::StatusOr<std::string_view> LayerStream::Next(size_t most) {
  if (ready_.empty()) HPCC_RETURN_IF_ERROR(Unpack());
  const std::string_view piece = ready_.substr(0, most);
  ready_.remove_prefix(piece.size());
  return piece;
}

absl::Status LayerStream::Drain() {
  for (;;) {
    HPCC_ASSIGN_OR_RETURN(const std::string_view piece, Next(kTarSize));
    if (piece.empty()) return absl::OkStatus();
  }
}

absl::Status LayerStream::ReadFile() {
  HPCC_ASSIGN_OR_RETURN(packed_, file_->ReadAt(file_bytes_, kReadSize));
  packed_used_ = 0;
  file_bytes_ += packed_.size();
  file_ended_ = packed_.empty();
  file_hasher_.Add(packed_);
  return on_read_ ? on_read_(packed_.size()) : absl::OkStatus();
}

// Fills `ready_`, with nothing at the end only.
absl::Status LayerStream::Unpack() {
  for (;;) {
    if (packed_used_ == packed_.size() && !file_ended_) HPCC_RETURN_IF_ERROR(ReadFile());
    if (decoder_ == nullptr) {
      HPCC_ASSIGN_OR_RETURN(decoder_, LayerDecoder::ForBeginning(packed_));
    }
    HPCC_ASSIGN_OR_RETURN(
        const LayerDecoder::Step step,
        decoder_->Unpack(std::string_view(packed_).substr(packed_used_), tar_.data(), tar_.size()));
    packed_used_ += step.taken;
    if (step.made > 0) {
      ready_ = std::string_view(tar_).substr(0, step.made);
      tar_bytes_ += step.made;
      tar_hasher_.Add(ready_);
      return CheckLimits();
    }
    if (!file_ended_ || step.taken > 0) continue;
    if (!decoder_->complete()) return absl::DataLossError("it is cut short");
    return absl::OkStatus();
  }
}

absl::Status LayerStream::CheckLimits() const {
  if (tar_bytes_ > limits_.tar_bytes) {
    return absl::ResourceExhaustedError(
        StrCat("it unpacks to more than the ", limits_.tar_bytes, " bytes that layers may have"));
  }
  // What was read, not what was unpacked of it: exact enough for a bomb, whose ratio is a thousand.
  if (tar_bytes_ > kExpansionFree &&
      tar_bytes_ / std::max<uint64_t>(limits_.expansion, 1) > file_bytes_) {
    return absl::ResourceExhaustedError(
        StrCat("it unpacks to more than ", limits_.expansion, " times its size"));
  }
  return absl::OkStatus();
}

}  // namespace hpcc
