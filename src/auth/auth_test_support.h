#ifndef HPCC_AUTH_AUTH_TEST_SUPPORT_H_
#define HPCC_AUTH_AUTH_TEST_SUPPORT_H_

// What tests need of an identity provider: keys of every kind, and tokens right and wrong. Also for
// the tests of the rooms below.

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "auth/base64url.h"
#include "auth/jwks.h"
#include "auth/openssl_handles.h"
#include "base/clock.h"
#include "base/strings.h"

namespace hpcc {

inline constexpr int64_t kTestNow = 1'800'000'000;  // seconds since the epoch

// Stands still until it is moved.
class StandingClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return kTestNow * 1'000'000'000 + moved_ns_; }
  int64_t FileStampNanoseconds() override { return NowNanoseconds(); }
  int64_t MonotonicNanoseconds() override { return 1'000'000'000 + moved_ns_; }
  void Sleep(std::chrono::nanoseconds duration) override { moved_ns_ += duration.count(); }
  void Advance(std::chrono::nanoseconds duration) { moved_ns_ += duration.count(); }

 private:
  std::atomic<int64_t> moved_ns_{0};
};

// A private key as an identity provider has it.
class ProviderKey {
 public:
  static ProviderKey Rsa(std::string key_id, unsigned bits = 2048) {
    return {std::move(key_id), JwtAlgorithm::kRs256,
            Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(bits)))};
  }
  static ProviderKey Ec(std::string key_id) {
    return {std::move(key_id), JwtAlgorithm::kEs256, Pkey(EVP_EC_gen("P-256"))};
  }
  static ProviderKey Ed(std::string key_id) {
    return {std::move(key_id), JwtAlgorithm::kEdDsa,
            Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))};
  }

  nlohmann::json Jwk() const {
    nlohmann::json jwk = {{"kid", key_id_}, {"use", "sig"}};
    if (algorithm_ == JwtAlgorithm::kRs256) {
      jwk["kty"] = "RSA";
      jwk["n"] = Base64UrlEncode(Number(OSSL_PKEY_PARAM_RSA_N));
      jwk["e"] = Base64UrlEncode(Number(OSSL_PKEY_PARAM_RSA_E));
    } else if (algorithm_ == JwtAlgorithm::kEs256) {
      jwk["kty"] = "EC";
      jwk["crv"] = "P-256";
      jwk["x"] = Base64UrlEncode(Padded(Number(OSSL_PKEY_PARAM_EC_PUB_X)));
      jwk["y"] = Base64UrlEncode(Padded(Number(OSSL_PKEY_PARAM_EC_PUB_Y)));
    } else {
      std::string raw(32, '\0');
      size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(pkey_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      jwk["kty"] = "OKP";
      jwk["crv"] = "Ed25519";
      jwk["x"] = Base64UrlEncode(raw);
    }
    return jwk;
  }
  std::string_view algorithm() const { return JwtAlgorithmName(algorithm_); }
  const std::string& key_id() const { return key_id_; }

  // A signature as a JWS has it.
  std::string Sign(std::string_view message) const {
    const EVP_MD* digest = algorithm_ == JwtAlgorithm::kEdDsa ? nullptr : EVP_sha256();
    const DigestContext context(EVP_MD_CTX_new());
    size_t size = 1024;
    std::string signature(size, '\0');
    EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, pkey_.get());
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       UnsignedBytes(message), message.size()) != 1) {
      std::abort();
    }
    signature.resize(size);
    return algorithm_ == JwtAlgorithm::kEs256 ? RawEcdsa(signature) : signature;
  }

  // Header and claims as given, with this key's signature.
  std::string TokenOf(const nlohmann::json& header, std::string_view claims) const {
    const std::string signed_part =
        StrCat(Base64UrlEncode(header.dump()), ".", Base64UrlEncode(claims));
    return StrCat(signed_part, ".", Base64UrlEncode(Sign(signed_part)));
  }
  std::string Token(const nlohmann::json& claims) const {
    return TokenOf({{"alg", algorithm()}, {"kid", key_id_}, {"typ", "JWT"}}, claims.dump());
  }

 private:
  ProviderKey(std::string key_id, JwtAlgorithm algorithm, Pkey pkey)
      : key_id_(std::move(key_id)), algorithm_(algorithm), pkey_(std::move(pkey)) {}

  std::string Number(const char* name) const {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(pkey_.get(), name, &raw) != 1) std::abort();
    const BigNumber number(raw);
    std::string bytes(static_cast<size_t>(BN_num_bytes(raw)), '\0');
    BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
    return bytes;
  }
  static std::string Padded(std::string bytes) {
    return std::string(32 - bytes.size(), '\0') + bytes;
  }
  static std::string RawEcdsa(const std::string& der) {
    const unsigned char* at = UnsignedBytes(der);
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::string raw(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32);
    ECDSA_SIG_free(signature);
    return raw;
  }

  std::string key_id_;
  JwtAlgorithm algorithm_;
  Pkey pkey_;
};

inline std::string JwksOf(std::initializer_list<const ProviderKey*> keys) {
  nlohmann::json document = {{"keys", nlohmann::json::array()}};
  for (const ProviderKey* key : keys) document["keys"].push_back(key->Jwk());
  return document.dump();
}

// Claims that are all right at kTestNow.
inline nlohmann::json GoodClaims() {
  return {{"iss", "https://idp.example"}, {"aud", "hpcc"},         {"sub", "alice"},
          {"iat", kTestNow - 10},         {"exp", kTestNow + 600}, {"tenant", "acme"}};
}

}  // namespace hpcc

#endif  // HPCC_AUTH_AUTH_TEST_SUPPORT_H_
