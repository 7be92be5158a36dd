#include "store/packed_value.h"

#include <zstd.h>

#include "base/bytes.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kMagic = "HPCZ";
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderSize = kMagic.size() + 1 + sizeof(uint32_t);
// Values are written once and read often, and nobody waits for a write.
constexpr int kZstdLevel = 3;

absl::Status Wrong(std::string_view what) {
  return absl::DataLossError(StrCat("packed value: ", what));
}

}  // namespace

std::string PackValue(std::string_view sealed) {
  if (sealed.size() > kMaxPackedValueBytes) return "";
  ByteWriter writer;
  writer.Raw(kMagic);
  writer.Fixed8(kVersion);
  writer.Fixed32(static_cast<uint32_t>(sealed.size()));
  std::string packed = writer.Take();
  packed.resize(kHeaderSize + ZSTD_compressBound(sealed.size()));
  const size_t size = ZSTD_compress(packed.data() + kHeaderSize, packed.size() - kHeaderSize,
                                    sealed.data(), sealed.size(), kZstdLevel);
  if (ZSTD_isError(size) || kHeaderSize + size > sealed.size() - sealed.size() / 8) return "";
  packed.resize(kHeaderSize + size);
  return packed;
}

absl::StatusOr<std::string> UnpackValue(std::string object) {
  if (!object.starts_with(kMagic)) return object;
  ByteReader reader(object);
  reader.Raw(kMagic.size());
  const uint8_t version = reader.Fixed8();
  const uint32_t size = reader.Fixed32();
  if (!reader.ok()) return Wrong("too short to be one");
  if (version != kVersion) return Wrong(StrCat("of version ", static_cast<int>(version)));
  if (size > kMaxPackedValueBytes) return Wrong("larger than one may be");
  const std::string_view frame = reader.Raw(reader.remaining());
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != size) {
    return Wrong("of the wrong length");
  }
  std::string sealed(size, '\0');
  const size_t got = ZSTD_decompress(sealed.data(), sealed.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) || got != size) return Wrong("damaged");
  return sealed;
}

}  // namespace hpcc
