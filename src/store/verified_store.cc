#include "store/verified_store.h"

#include "base/bytes.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kMagic = "HPCC";
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderSize = kMagic.size() + 1 + 1 + Digest::kSize + sizeof(uint64_t);

absl::Status Wrong(std::string_view what) {
  return absl::DataLossError(StrCat("stored value: ", what));
}

}  // namespace

std::string SealValue(const StoreKey& key, std::string_view payload) {
  ByteWriter writer;
  writer.Reserve(kHeaderSize + payload.size() + Digest::kSize);
  writer.Raw(kMagic);
  writer.Fixed8(kVersion);
  writer.Fixed8(static_cast<uint8_t>(key.ns));
  writer.DigestBytes(key.digest);
  writer.Fixed64(payload.size());
  writer.Raw(payload);
  writer.DigestBytes(Digest::Of(writer.bytes()));
  return writer.Take();
}

absl::StatusOr<std::string_view> OpenSealedValue(const StoreKey& key, std::string_view sealed) {
  ByteReader reader(sealed);
  const std::string_view magic = reader.Raw(kMagic.size());
  const uint8_t version = reader.Fixed8();
  const uint8_t ns = reader.Fixed8();
  const Digest digest = reader.DigestBytes();
  const uint64_t size = reader.Fixed64();
  if (!reader.ok()) return Wrong("too short to be one");
  if (magic != kMagic) return Wrong("not of this format");
  if (version != kVersion) return Wrong(StrCat("of version ", static_cast<int>(version)));
  if (ns != static_cast<uint8_t>(key.ns) || digest != key.digest) {
    return Wrong("belongs to another key");
  }
  if (reader.remaining() < Digest::kSize || reader.remaining() - Digest::kSize != size) {
    return Wrong("of the wrong length");
  }
  const std::string_view payload = reader.Raw(size);
  const Digest seal = reader.DigestBytes();
  if (Digest::Of(sealed.substr(0, kHeaderSize + size)) != seal) return Wrong("damaged");
  return payload;
}

absl::StatusOr<std::string> VerifiedStore::Get(const StoreKey& key) {
  HPCC_ASSIGN_OR_RETURN(std::string sealed, inner_.Get(key));
  const absl::StatusOr<std::string_view> payload = OpenSealedValue(key, sealed);
  if (!payload.ok()) {
    // Where it can't be removed (a read-only cache) it stays, and is refused again next time.
    const absl::Status removed = inner_.Remove(key);
    if (removed.ok()) return payload.status();
    return absl::DataLossError(StrCat(
        std::string_view(payload.status().message().data(), payload.status().message().size()),
        "; removing it failed: ", removed.ToString()));
  }
  // Cut in place: the value is not copied.
  sealed.resize(kHeaderSize + payload->size());
  sealed.erase(0, kHeaderSize);
  return sealed;
}

absl::Status VerifiedStore::Put(const StoreKey& key, std::string_view value) {
  return inner_.Put(key, SealValue(key, value));
}

absl::Status VerifiedStore::Touch(const StoreKey& key) {
  return inner_.Touch(key);
}

absl::Status VerifiedStore::Remove(const StoreKey& key) {
  return inner_.Remove(key);
}

}  // namespace hpcc
