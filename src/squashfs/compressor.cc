#include "squashfs/compressor.h"

#include <zlib.h>
#include <zstd.h>

#include "base/strings.h"
#include "squashfs/format.h"

namespace hpcc::squashfs {

namespace {

constexpr int kZlibWindow = 15;

class ZstdCompressor final : public Compressor {
 public:
  explicit ZstdCompressor(int level) : level_(level), context_(ZSTD_createCCtx()) {
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
    out_.resize(ZSTD_compressBound(kBlockSize));
  }
  ~ZstdCompressor() override { ZSTD_freeCCtx(context_); }
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;

  absl::StatusOr<std::string_view> Pack(std::string_view data) override {
    // The size being known, the frame's window is no larger than it, as the kernel requires.
    const size_t size =
        ZSTD_compress2(context_, out_.data(), out_.size(), data.data(), data.size());
    if (ZSTD_isError(size)) {
      return absl::InternalError(StrCat("zstd: ", std::string_view(ZSTD_getErrorName(size))));
    }
    return size < data.size() ? std::string_view(out_).substr(0, size) : data;
  }
  uint16_t id() const override { return 6; }
  std::string options() const override {
    std::string options;
    Put<uint32_t>(&options, static_cast<uint32_t>(level_));
    return options;
  }

 private:
  const int level_;
  ZSTD_CCtx* const context_;
  std::string out_;
};

class ZlibCompressor final : public Compressor {
 public:
  explicit ZlibCompressor(int level) : level_(level) {
    ready_ = deflateInit2(&stream_, level, Z_DEFLATED, kZlibWindow, 9, Z_DEFAULT_STRATEGY) == Z_OK;
    out_.resize(kBlockSize);
  }
  ~ZlibCompressor() override {
    if (ready_) deflateEnd(&stream_);
  }
  ZlibCompressor(const ZlibCompressor&) = delete;
  ZlibCompressor& operator=(const ZlibCompressor&) = delete;

  absl::StatusOr<std::string_view> Pack(std::string_view data) override {
    if (!ready_ || deflateReset(&stream_) != Z_OK) {
      return absl::ResourceExhaustedError("zlib: no memory");
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    // Room for as much as goes in: what doesn't fit is no smaller packed.
    if (deflate(&stream_, Z_FINISH) != Z_STREAM_END || stream_.total_out >= data.size())
      return data;
    return std::string_view(out_).substr(0, stream_.total_out);
  }
  uint16_t id() const override { return 1; }
  std::string options() const override {
    std::string options;
    Put<uint32_t>(&options, static_cast<uint32_t>(level_));
    Put<uint16_t>(&options, kZlibWindow);
    Put<uint16_t>(&options, 0);  // strategies tried: the default one
    return options;
  }

 private:
  const int level_;
  z_stream stream_{};
  bool ready_ = false;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Compressor>> Compressor::Create(SquashfsCompression kind,
                                                               int level) {
  const int most = kind == SquashfsCompression::kZstd ? 22 : 9;
  if (level == 0) level = 9;
  if (level < 1 || level > most) {
    return absl::InvalidArgumentError(
        StrCat("squashfs: compression level ", level, ": it must be 1 to ", most));
  }
  if (kind == SquashfsCompression::kZstd) return std::make_unique<ZstdCompressor>(level);
  return std::make_unique<ZlibCompressor>(level);
}

}  // namespace hpcc::squashfs
