#include "image/layer_decoder.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kGzip("\x1f\x8b", 2);
constexpr std::string_view kZstd("\x28\xb5\x2f\xfd", 4);
constexpr std::string_view kXz(
    "\xfd"
    "7zX",
    4);
constexpr std::string_view kBzip2("BZh", 3);
constexpr int kGzipOnly = 16 + 15;  // of zlib's window bits: a gzip header, the largest window
constexpr int kMaxZstdWindow = 27;

class PlainDecoder final : public LayerDecoder {
 public:
  absl::StatusOr<Step> Unpack(std::string_view in, char* out, size_t room) override {
    const size_t size = std::min(in.size(), room);
    std::memcpy(out, in.data(), size);
    return Step{size, size};
  }
  bool complete() const override { return true; }
};

class GzipDecoder final : public LayerDecoder {
 public:
  GzipDecoder() { ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK; }
  ~GzipDecoder() override {
    if (ready_) inflateEnd(&stream_);
  }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  absl::StatusOr<Step> Unpack(std::string_view in, char* out, size_t room) override {
    if (complete_ && !in.empty() && inflateReset(&stream_) != Z_OK) ready_ = false;
    if (!ready_) return absl::ResourceExhaustedError("gzip: no memory");
    complete_ = complete_ && in.empty();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) complete_ = true;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return absl::DataLossError(
          StrCat("gzip: ",
                 std::string_view(stream_.msg != nullptr ? stream_.msg : "it needs a dictionary")));
    }
    return Step{in.size() - stream_.avail_in, room - stream_.avail_out};
  }
  bool complete() const override { return complete_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool complete_ = false;
};

class ZstdDecoder final : public LayerDecoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxZstdWindow);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

  absl::StatusOr<Step> Unpack(std::string_view in, char* out, size_t room) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out, room, 0};
    const size_t result = ZSTD_decompressStream(context_, &to, &from);
    if (ZSTD_isError(result)) {
      return absl::DataLossError(StrCat("zstd: ", std::string_view(ZSTD_getErrorName(result))));
    }
    // With nothing taken and nothing made, the answer is about the frame that would come next.
    if (from.pos > 0 || to.pos > 0) complete_ = result == 0;
    return Step{from.pos, to.pos};
  }
  bool complete() const override { return complete_; }

 private:
  ZSTD_DCtx* const context_;
  bool complete_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LayerDecoder>> LayerDecoder::ForBeginning(std::string_view bytes) {
  if (bytes.starts_with(kGzip)) return std::make_unique<GzipDecoder>();
  if (bytes.starts_with(kZstd)) return std::make_unique<ZstdDecoder>();
  for (const auto& [magic, name] : {std::pair{kXz, "xz"}, std::pair{kBzip2, "bzip2"}}) {
    if (!bytes.starts_with(magic)) continue;
    return absl::FailedPreconditionError(
        StrCat("compressed with ", std::string_view(name), "; hpcc reads gzip and zstd"));
  }
  return std::make_unique<PlainDecoder>();
}

}  // namespace hpcc
