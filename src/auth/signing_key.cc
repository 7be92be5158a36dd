#include "auth/signing_key.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "absl/status/status.h"
#include "auth/base64url.h"
#include "auth/openssl_handles.h"
#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// RFC 8037, appendix A.3: the members a thumbprint is of, in order of name.
std::string Thumbprint(std::string_view x) {
  const std::string text = StrCat(R"({"crv":"Ed25519","kty":"OKP","x":")", x, "\"}");
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(UnsignedBytes(text), text.size(), digest);
  return Base64UrlEncode({reinterpret_cast<const char*>(digest), sizeof(digest)});
}

struct CleansedString {
  std::string text;
  ~CleansedString() { OPENSSL_cleanse(text.data(), text.size()); }
};

std::shared_ptr<const std::string> KeepSecret(std::string_view text) {
  auto holder = std::make_shared<CleansedString>(CleansedString{std::string(text)});
  return {holder, &holder->text};
}

}  // namespace

absl::StatusOr<SigningKey> SigningKey::Generate() {
  const Pkey pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!pkey || !bio ||
      PEM_write_bio_PrivateKey(bio.get(), pkey.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return absl::InternalError("OpenSSL makes no Ed25519 key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return FromPem({data, static_cast<size_t>(size)});
}

absl::StatusOr<SigningKey> SigningKey::FromPem(std::string_view pem) {
  SigningKey key;
  HPCC_ASSIGN_OR_RETURN(key.signer_, Ed25519Signer::FromPem(pem));
  key.pem_ = KeepSecret(pem);
  key.key_id_ = Thumbprint(Base64UrlEncode(key.signer_->public_key()));
  return key;
}

VerifyKey SigningKey::verify_key() const {
  return *VerifyKey::Ed25519(key_id_, signer_->public_key());
}

std::string SigningKey::Jwk() const {
  return JsonDocument({{"kty", "OKP"},
                       {"crv", "Ed25519"},
                       {"x", Base64UrlEncode(signer_->public_key())},
                       {"kid", key_id_},
                       {"alg", "EdDSA"},
                       {"use", "sig"}});
}

std::string SigningKey::Sign(std::string_view type, std::string_view claims) const {
  const std::string header =
      StrCat(R"({"alg":"EdDSA","kid":)", JsonQuoted(key_id_), R"(,"typ":)", JsonQuoted(type), "}");
  const std::string signed_part = StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(claims));
  return StrCat(signed_part, ".", Base64UrlEncode(signer_->Sign(signed_part)));
}

std::string JwksDocument(std::span<const SigningKey> keys) {
  std::string document = "{\"keys\":[";
  for (const SigningKey& key : keys) {
    StrAppend(&document, &key == keys.data() ? "" : ",", key.Jwk());
  }
  return document + "]}";
}

}  // namespace hpcc
