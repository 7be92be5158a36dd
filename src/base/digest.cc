#include "base/digest.h"

namespace hpcc {

namespace {

Digest FinishState(const blake3_hasher& state) {
  std::array<uint8_t, Digest::kSize> bytes;
  blake3_hasher_finalize(&state, bytes.data(), bytes.size());
  return Digest(bytes);
}

std::array<uint8_t, 8> LittleEndian(uint64_t value) {
  std::array<uint8_t, 8> bytes;
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(value);
    value >>= 8;
  }
  return bytes;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Digest Digest::Of(std::string_view data) {
  blake3_hasher state;
  blake3_hasher_init(&state);
  blake3_hasher_update(&state, data.data(), data.size());
  return FinishState(state);
}

std::optional<Digest> Digest::FromHex(std::string_view hex) {
  if (hex.size() != kHexSize) return std::nullopt;
  std::array<uint8_t, kSize> bytes;
  for (size_t i = 0; i < kSize; ++i) {
    const int high = HexValue(hex[2 * i]);
    const int low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return Digest(bytes);
}

std::optional<Digest> Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) return std::nullopt;
  std::array<uint8_t, kSize> copy;
  std::memcpy(copy.data(), bytes.data(), kSize);
  return Digest(copy);
}

std::string Digest::ToHex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(kHexSize);
  for (const uint8_t byte : bytes_) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

void FramedFields::Add(std::string_view value) {
  const std::array<uint8_t, 8> size = LittleEndian(value.size());
  bytes_.append(reinterpret_cast<const char*>(size.data()), size.size()).append(value);
}

Hasher::Hasher(std::string_view domain) {
  blake3_hasher_init(&state_);
  Field(domain);
}

Hasher& Hasher::Field(std::string_view value) {
  const std::array<uint8_t, 8> size = LittleEndian(value.size());
  blake3_hasher_update(&state_, size.data(), size.size());
  blake3_hasher_update(&state_, value.data(), value.size());
  return *this;
}

Hasher& Hasher::Fields(const FramedFields& fields) {
  blake3_hasher_update(&state_, fields.bytes().data(), fields.bytes().size());
  return *this;
}

Hasher& Hasher::Number(uint64_t value) {
  const std::array<uint8_t, 8> bytes = LittleEndian(value);
  // Framed as well, or the number 0 and the empty field would be one.
  return Field(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Digest Hasher::Finish() const {
  return FinishState(state_);
}

}  // namespace hpcc
