#ifndef HPCC_AUTH_SIGNING_KEY_H_
#define HPCC_AUTH_SIGNING_KEY_H_

// Ed25519 keys hpcc signs tokens of its own with.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/jwks.h"
#include "auth/jwt.h"
#include "store/signed_value.h"

namespace hpcc {

// Cheap to copy; immutable; thread-safe.
class SigningKey {
 public:
  // A new one, from the kernel's randomness.
  static absl::StatusOr<SigningKey> Generate();
  // InvalidArgument: no Ed25519 private key in PEM.
  static absl::StatusOr<SigningKey> FromPem(std::string_view pem);

  // The key's thumbprint (RFC 7638, RFC 8037): the same key has the same name everywhere.
  const std::string& key_id() const { return key_id_; }
  // Secret: for the file it is kept in.
  const std::string& private_pem() const { return *pem_; }
  VerifyKey verify_key() const;
  // The key's object in a JWKS document.
  std::string Jwk() const;

  // A signed token: `claims` is the text of a JSON object, `type` the header's "typ".
  std::string Sign(std::string_view type, std::string_view claims) const;

 private:
  SigningKey() = default;

  std::shared_ptr<const Ed25519Signer> signer_;
  std::shared_ptr<const std::string> pem_;
  std::string key_id_;
};

// {"keys":[…]}, in the order given.
std::string JwksDocument(std::span<const SigningKey> keys);

}  // namespace hpcc

#endif  // HPCC_AUTH_SIGNING_KEY_H_
