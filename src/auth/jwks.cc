#include "auth/jwks.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "auth/base64url.h"
#include "auth/openssl_handles.h"
#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

struct VerifyKey::Key {
  Pkey pkey;
};

namespace {

using nlohmann::json;

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr size_t kMaxRsaExponentBytes = 4;
constexpr size_t kP256Bytes = 32;
constexpr size_t kEd25519Bytes = 32;

constexpr std::array<std::string_view, 3> kAlgorithmNames = {"RS256", "ES256", "EdDSA"};

BigNumber NumberOf(std::string_view bytes) {
  return BigNumber(BN_bin2bn(UnsignedBytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

// Null when the parameters make no public key.
Pkey KeyFrom(const char* type, const Params& params) {
  if (!params) return nullptr;
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Pkey(key);
}

Pkey RsaKey(std::string_view modulus, std::string_view exponent) {
  // A modulus without end is not even made a number of.
  if (modulus.empty() || modulus.size() > kMaxRsaBits / 8 || exponent.empty() ||
      exponent.size() > kMaxRsaExponentBytes) {
    return nullptr;
  }
  const BigNumber n = NumberOf(modulus);
  const BigNumber e = NumberOf(exponent);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || BN_num_bits(n.get()) < kMinRsaBits || BN_is_odd(n.get()) == 0 ||
      BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return KeyFrom("RSA", Params(OSSL_PARAM_BLD_to_param(builder.get())));
}

// A coordinate in its full size. Providers that keep their keys with GnuTLS publish it without its
// leading zeros: the same number, and whether the point is on the curve is checked after that.
std::string Padded(std::string_view coordinate) {
  return std::string(kP256Bytes - coordinate.size(), '\0').append(coordinate);
}

Pkey P256Key(std::string_view x, std::string_view y) {
  if (x.empty() || x.size() > kP256Bytes || y.empty() || y.size() > kP256Bytes) return nullptr;
  const std::string point = StrCat("\x04", Padded(x), Padded(y));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  Pkey key = KeyFrom("EC", Params(OSSL_PARAM_BLD_to_param(builder.get())));
  if (!key) return nullptr;
  const PkeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  // A point that is not on the curve is no key.
  return check && EVP_PKEY_public_check(check.get()) == 1 ? std::move(key) : nullptr;
}

Pkey Ed25519Key(std::string_view raw) {
  if (raw.size() != kEd25519Bytes) return nullptr;
  return Pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, UnsignedBytes(raw), raw.size()));
}

std::string Bytes(const json& key, const char* name) {
  return Base64UrlDecode(JsonText(key, name)).value_or(std::string());
}

// Whether the key says of itself that it is for something else than verifying with `algorithm`.
bool IsForOther(const json& key, JwtAlgorithm algorithm) {
  if (key.contains("use") && JsonText(key, "use") != "sig") return true;
  if (key.contains("alg") && JsonText(key, "alg") != JwtAlgorithmName(algorithm)) return true;
  const auto operations = key.find("key_ops");
  if (operations == key.end()) return false;
  return !operations->is_array() ||
         std::find(operations->begin(), operations->end(), "verify") == operations->end();
}

std::optional<VerifyKey> ParseKey(const json& key) {
  const std::string type = JsonText(key, "kty");
  const std::string curve = JsonText(key, "crv");
  const std::string key_id = JsonText(key, "kid");
  if (key_id.size() > kMaxKeyIdBytes) return std::nullopt;
  auto algorithm = JwtAlgorithm::kRs256;
  Pkey pkey;
  if (type == "RSA") {
    pkey = RsaKey(Bytes(key, "n"), Bytes(key, "e"));
  } else if (type == "EC" && curve == "P-256") {
    algorithm = JwtAlgorithm::kEs256;
    pkey = P256Key(Bytes(key, "x"), Bytes(key, "y"));
  } else if (type == "OKP" && curve == "Ed25519") {
    algorithm = JwtAlgorithm::kEdDsa;
    pkey = Ed25519Key(Bytes(key, "x"));
  }
  if (!pkey || IsForOther(key, algorithm)) return std::nullopt;
  return VerifyKey(key_id, algorithm,
                   std::make_shared<const VerifyKey::Key>(VerifyKey::Key{std::move(pkey)}));
}

// A JWS has R and S of 32 bytes each (RFC 7518, section 3.4); OpenSSL wants them in DER.
std::string DerSignature(std::string_view raw) {
  if (raw.size() != 2 * kP256Bytes) return {};
  const std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG, ECDSA_SIG_free>> signature(
      ECDSA_SIG_new());
  BigNumber r = NumberOf(raw.substr(0, kP256Bytes));
  BigNumber s = NumberOf(raw.substr(kP256Bytes));
  if (!signature || !r || !s) return {};
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  r.release();
  s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace

std::string_view JwtAlgorithmName(JwtAlgorithm algorithm) {
  return kAlgorithmNames[static_cast<size_t>(algorithm)];
}

std::optional<JwtAlgorithm> ParseJwtAlgorithm(std::string_view name) {
  const auto found = std::find(kAlgorithmNames.begin(), kAlgorithmNames.end(), name);
  if (found == kAlgorithmNames.end()) return std::nullopt;
  return static_cast<JwtAlgorithm>(found - kAlgorithmNames.begin());
}

absl::StatusOr<VerifyKey> VerifyKey::Ed25519(std::string key_id, std::string_view raw) {
  Pkey pkey = Ed25519Key(raw);
  if (!pkey) return absl::InvalidArgumentError("no Ed25519 public key");
  return VerifyKey(std::move(key_id), JwtAlgorithm::kEdDsa,
                   std::make_shared<const Key>(Key{std::move(pkey)}));
}

bool VerifyKey::Verify(std::string_view message, std::string_view signature) const {
  const EVP_MD* digest = algorithm_ == JwtAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  std::string der;
  if (algorithm_ == JwtAlgorithm::kEs256) {
    der = DerSignature(signature);
    signature = der;
  }
  if (signature.empty()) return false;
  const DigestContext context(EVP_MD_CTX_new());
  // RSA's default padding is that of PKCS #1 v1.5, which RS256 is.
  return context &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_->pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), UnsignedBytes(signature), signature.size(),
                          UnsignedBytes(message), message.size()) == 1;
}

const VerifyKey* KeySet::Find(std::string_view key_id, JwtAlgorithm algorithm) const {
  const VerifyKey* only = nullptr;
  for (const VerifyKey& key : keys_) {
    if (key.algorithm() != algorithm) continue;
    if (!key_id.empty() && key.key_id() == key_id) return &key;
    if (key_id.empty() && only != nullptr) return nullptr;
    if (key_id.empty()) only = &key;
  }
  return only;
}

bool KeySet::Has(std::string_view key_id) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [key_id](const VerifyKey& key) { return key.key_id() == key_id; });
}

absl::StatusOr<KeySet> ParseJwks(std::string_view text) {
  if (text.size() > kMaxJwksBytes) {
    return absl::InvalidArgumentError(
        StrCat("the key set is larger than ", kMaxJwksBytes, " bytes"));
  }
  HPCC_ASSIGN_OR_RETURN(const json document, ReadJsonObject(text, "the key set"));
  const auto keys = document.find("keys");
  if (keys == document.end() || !keys->is_array()) {
    return absl::InvalidArgumentError("the key set has no array \"keys\"");
  }
  if (keys->size() > kMaxJwksKeys) {
    return absl::InvalidArgumentError(StrCat("the key set has more than ", kMaxJwksKeys, " keys"));
  }
  KeySet set;
  for (const json& key : *keys) {
    if (!key.is_object()) return absl::InvalidArgumentError("a key of the key set is no object");
    if (std::optional<VerifyKey> parsed = ParseKey(key)) set.Add(*std::move(parsed));
  }
  return set;
}

}  // namespace hpcc
