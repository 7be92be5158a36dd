#ifndef HPCC_STORE_SIGNED_VALUE_H_
#define HPCC_STORE_SIGNED_VALUE_H_

// Signatures on stored values, so that readers can refuse what no trusted writer made: a seal
// (store/verified_store.h) tells damage, a signature tells who.
//
//   signed    = magic "HPCS" , version:u8 = 1 , signer:32 , signature:64 , body
//   signer    = the writer's public key, raw (RFC 8032)
//   signature = Ed25519 of message, by that key
//   message   = "hpcc signed value v1\n" , scope-size:u64 , scope , body-digest:32
//   scope     = the tier's namespace: a value can't be moved to another
//   digest    = BLAKE3 of the body
//   body      = a sealed value, which names key, length and content; or one that is packed
//               (store/packed_value.h)
//
// Integers are little-endian. No body starts with "HPCS", so an unsigned value is told apart.
//
// A key file is PEM, as `openssl genpkey -algorithm ed25519 -out key.pem` writes it; nobody but its
// owner may read it. A trusted key is "ed25519:" and the 32 bytes in base64 (what `hpcc` prints
// for a key file), or the path of a PEM file with a public key (`openssl pkey -in key.pem
// -pubout`).

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace hpcc {

// The raw bytes; 32 of them. Public.
using Ed25519PublicKey = std::string;

std::string FormatPublicKey(const Ed25519PublicKey& key);  // "ed25519:<base64>"

// A private key. Thread-safe. The key leaves memory with it and is never copied out.
class Ed25519Signer {
 public:
  // InvalidArgument: no Ed25519 private key in PEM.
  static absl::StatusOr<std::unique_ptr<Ed25519Signer>> FromPem(std::string_view pem);
  // PermissionDenied: others than its owner may read it.
  static absl::StatusOr<std::unique_ptr<Ed25519Signer>> FromFile(FileSystem& fs,
                                                                 const std::string& path);
  ~Ed25519Signer();

  const Ed25519PublicKey& public_key() const { return public_key_; }
  std::string Sign(std::string_view message) const;  // 64 bytes

 private:
  struct Key;
  Ed25519Signer(std::unique_ptr<Key> key, Ed25519PublicKey public_key);

  std::unique_ptr<Key> key_;
  Ed25519PublicKey public_key_;
};

bool VerifyEd25519(const Ed25519PublicKey& key, std::string_view message,
                   std::string_view signature);

// One entry of trusted_keys, in either form. InvalidArgument says what was expected.
absl::StatusOr<Ed25519PublicKey> ParseTrustedKey(FileSystem& fs, const std::string& text);

// `body` with the signature before it.
std::string SignValue(const Ed25519Signer& signer, std::string_view scope, std::string_view body);

enum class SignatureProblem : uint8_t { kNone, kMalformed, kUnsigned, kUntrusted, kForged };

struct OpenedValue {
  SignatureProblem problem = SignatureProblem::kNone;
  std::string_view body;  // points into what was given; empty with a problem
};

// With no trusted keys, unsigned values are fine, and signatures are taken off unlooked at. With
// some, only a signature of one of them is.
OpenedValue OpenSignedValue(const std::vector<Ed25519PublicKey>& trusted, std::string_view scope,
                            std::string_view bytes);

}  // namespace hpcc

#endif  // HPCC_STORE_SIGNED_VALUE_H_
