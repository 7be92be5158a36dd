#ifndef HPCC_BASE_DIGEST_H_
#define HPCC_BASE_DIGEST_H_

// Digests are BLAKE3-256 (https://github.com/BLAKE3-team/BLAKE3-specs): what names every blob, key
// and identity in hpcc. Sixty-four hex digits in text, thirty-two bytes on disk and on the wire.

#include <blake3.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace hpcc {

class Digest {
 public:
  static constexpr size_t kSize = 32;
  static constexpr size_t kHexSize = 2 * kSize;

  // All zero: no digest. Never the result of hashing anything.
  Digest() : bytes_{} {}
  explicit Digest(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}

  static Digest Of(std::string_view data);
  // Exactly 64 hex digits, either case; anything else is nullopt.
  static std::optional<Digest> FromHex(std::string_view hex);
  // Exactly 32 bytes; anything else is nullopt.
  static std::optional<Digest> FromBytes(std::string_view bytes);

  std::string ToHex() const;
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  bool is_zero() const { return *this == Digest(); }

  friend auto operator<=>(const Digest&, const Digest&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Digest& digest) {
    return H::combine_contiguous(std::move(state), digest.bytes_.data(), kSize);
  }

 private:
  std::array<uint8_t, kSize> bytes_;
};

// Fields one behind the other, each framed by its length as Hasher frames them. BLAKE3 takes many
// bytes at once several times faster than the same bytes one by one.
class FramedFields {
 public:
  void Add(std::string_view value);
  void Add(const Digest& value) { Add(value.bytes()); }
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Hashes a sequence of fields without ambiguity: every field is framed by its length, and the
// domain keeps digests made for different purposes apart. Not thread-safe.
class Hasher {
 public:
  // `domain` names the purpose and version, such as "hpcc.result-key.v1".
  explicit Hasher(std::string_view domain);

  Hasher& Field(std::string_view value);
  Hasher& Field(const Digest& value) { return Field(value.bytes()); }
  // The same as each of them by itself.
  Hasher& Fields(const FramedFields& fields);
  // A field of the number's eight bytes, little-endian.
  Hasher& Number(uint64_t value);
  Digest Finish() const;

 private:
  blake3_hasher state_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_DIGEST_H_
