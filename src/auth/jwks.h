#ifndef HPCC_AUTH_JWKS_H_
#define HPCC_AUTH_JWKS_H_

// Public keys that tokens are verified with: JSON Web Key Sets (RFC 7517, RFC 7518, RFC 8037).
//
// Each key belongs to exactly one algorithm, which its own type decides:
//
//   kty "RSA", modulus of 2048 to 8192 bits, exponent up to 2^32   RS256
//   kty "EC", crv "P-256", coordinates of at most 32 bytes         ES256
//   kty "OKP", crv "Ed25519"                                       EdDSA
//
// Keys of any other kind (symmetric ones above all) are no keys here, nor are those whose `use`,
// `key_ops` or `alg` say they are for something else; they are skipped, because an identity
// provider may publish them for others. Of several with one `kid` and algorithm the first counts.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hpcc {

inline constexpr size_t kMaxJwksBytes = 256 << 10;
inline constexpr size_t kMaxJwksKeys = 64;  // usable or not
inline constexpr size_t kMaxKeyIdBytes = 256;

// The allow-list. Nothing else is ever verified, whatever a token or a key asks for.
enum class JwtAlgorithm : uint8_t { kRs256, kEs256, kEdDsa };

std::string_view JwtAlgorithmName(JwtAlgorithm algorithm);  // "RS256", "ES256", "EdDSA"
std::optional<JwtAlgorithm> ParseJwtAlgorithm(std::string_view name);

// A public key and the one algorithm it is for. Cheap to copy; immutable; thread-safe.
class VerifyKey {
 public:
  // Of the raw bytes of an Ed25519 public key. InvalidArgument: not 32 of them.
  static absl::StatusOr<VerifyKey> Ed25519(std::string key_id, std::string_view raw);

  const std::string& key_id() const { return key_id_; }
  JwtAlgorithm algorithm() const { return algorithm_; }
  // Whether `signature` (as a JWS has it: R and S side by side for ES256) is this key's.
  bool Verify(std::string_view message, std::string_view signature) const;

  struct Key;  // OpenSSL's

  VerifyKey(std::string key_id, JwtAlgorithm algorithm, std::shared_ptr<const Key> key)
      : key_id_(std::move(key_id)), algorithm_(algorithm), key_(std::move(key)) {}

 private:
  std::string key_id_;
  JwtAlgorithm algorithm_;
  std::shared_ptr<const Key> key_;
};

// Immutable once it is made; thread-safe then.
class KeySet {
 public:
  KeySet() = default;

  void Add(VerifyKey key) { keys_.push_back(std::move(key)); }
  const std::vector<VerifyKey>& keys() const { return keys_; }
  bool empty() const { return keys_.empty(); }

  // With no `key_id`: the only key of this algorithm, null when there are several.
  const VerifyKey* Find(std::string_view key_id, JwtAlgorithm algorithm) const;
  // Whether there is a key of this name, for any algorithm.
  bool Has(std::string_view key_id) const;

 private:
  std::vector<VerifyKey> keys_;
};

// InvalidArgument: not a JWKS document, or over the limits above. A document without a usable key
// is an empty set.
absl::StatusOr<KeySet> ParseJwks(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_AUTH_JWKS_H_
