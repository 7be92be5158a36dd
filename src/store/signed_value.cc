#include "store/signed_value.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/base64.h"

namespace hpcc {

namespace {

constexpr std::string_view kMagic = "HPCS";
constexpr uint8_t kVersion = 1;
constexpr size_t kKeySize = 32;
constexpr size_t kSignatureSize = 64;
constexpr std::string_view kDomain = "hpcc signed value v1\n";
constexpr std::string_view kKeyPrefix = "ed25519:";
constexpr uint64_t kMaxPem = 64 << 10;

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyDeleter>;
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

const unsigned char* Unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// A program without a terminal can't ask for the password of an encrypted key.
int NoPassword(char*, int, int, void*) {
  return -1;
}

Pkey ReadPem(std::string_view pem, bool is_private) {
  if (pem.size() > kMaxPem) return nullptr;
  const std::unique_ptr<BIO, BioDeleter> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return nullptr;
  Pkey key(is_private ? PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr)
                      : PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassword, nullptr));
  if (key && EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return nullptr;
  return key;
}

std::string RawPublicKey(const EVP_PKEY* key) {
  std::string raw(kKeySize, '\0');
  size_t size = raw.size();
  const int got =
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size);
  return got == 1 && size == kKeySize ? raw : std::string();
}

std::string MessageFor(std::string_view scope, std::string_view body) {
  ByteWriter writer;
  writer.Raw(kDomain);
  writer.Fixed64(scope.size());
  writer.Raw(scope);
  writer.DigestBytes(Digest::Of(body));
  return writer.Take();
}

}  // namespace

struct Ed25519Signer::Key {
  Pkey pkey;
};

Ed25519Signer::Ed25519Signer(std::unique_ptr<Key> key, Ed25519PublicKey public_key)
    : key_(std::move(key)), public_key_(std::move(public_key)) {}

Ed25519Signer::~Ed25519Signer() = default;

absl::StatusOr<std::unique_ptr<Ed25519Signer>> Ed25519Signer::FromPem(std::string_view pem) {
  auto key = std::make_unique<Key>(Key{ReadPem(pem, /*is_private=*/true)});
  const Ed25519PublicKey public_key = key->pkey ? RawPublicKey(key->pkey.get()) : std::string();
  if (public_key.empty()) {
    return absl::InvalidArgumentError(
        "expected an unencrypted Ed25519 private key in PEM, as `openssl genpkey -algorithm "
        "ed25519` writes it");
  }
  return std::unique_ptr<Ed25519Signer>(new Ed25519Signer(std::move(key), public_key));
}

absl::StatusOr<std::unique_ptr<Ed25519Signer>> Ed25519Signer::FromFile(FileSystem& fs,
                                                                       const std::string& path) {
  FileStat stat;
  HPCC_ASSIGN_OR_RETURN(std::string pem, ReadFileAndStat(fs, path, kMaxPem, &stat));
  absl::StatusOr<std::unique_ptr<Ed25519Signer>> signer =
      absl::PermissionDeniedError(StrCat(path, ": others may read this key: chmod 600 it"));
  if ((stat.mode & 077) == 0) signer = FromPem(pem);
  OPENSSL_cleanse(pem.data(), pem.size());
  if (signer.ok() || absl::IsPermissionDenied(signer.status())) return signer;
  return absl::InvalidArgumentError(StrCat(path, ": ", std::string(signer.status().message())));
}

std::string Ed25519Signer::Sign(std::string_view message) const {
  std::string signature(kSignatureSize, '\0');
  size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  const bool done =
      context &&
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->pkey.get()) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     Unsigned(message), message.size()) == 1;
  // Out of memory, then: nobody verifies an empty signature.
  return done && size == kSignatureSize ? signature : std::string(kSignatureSize, '\0');
}

bool VerifyEd25519(const Ed25519PublicKey& key, std::string_view message,
                   std::string_view signature) {
  if (key.size() != kKeySize || signature.size() != kSignatureSize) return false;
  const Pkey pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Unsigned(key), key.size()));
  const Context context(EVP_MD_CTX_new());
  return pkey && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), Unsigned(signature), signature.size(), Unsigned(message),
                          message.size()) == 1;
}

std::string FormatPublicKey(const Ed25519PublicKey& key) {
  return StrCat(kKeyPrefix, Base64Encode(key));
}

absl::StatusOr<Ed25519PublicKey> ParseTrustedKey(FileSystem& fs, const std::string& text) {
  if (text.starts_with(kKeyPrefix)) {
    const std::optional<std::string> key = Base64Decode(text.substr(kKeyPrefix.size()));
    if (key && key->size() == kKeySize) return *key;
    return absl::InvalidArgumentError(
        StrCat("expected \"", kKeyPrefix, "\" and 32 bytes in base64"));
  }
  HPCC_ASSIGN_OR_RETURN(const std::string pem, ReadFile(fs, text, kMaxPem));
  const Pkey pkey = ReadPem(pem, /*is_private=*/false);
  const Ed25519PublicKey key = pkey ? RawPublicKey(pkey.get()) : std::string();
  if (!key.empty()) return key;
  return absl::InvalidArgumentError(StrCat(text, ": expected an Ed25519 public key in PEM"));
}

std::string SignValue(const Ed25519Signer& signer, std::string_view scope, std::string_view body) {
  ByteWriter writer;
  writer.Reserve(kMagic.size() + 1 + kKeySize + kSignatureSize + body.size());
  writer.Raw(kMagic);
  writer.Fixed8(kVersion);
  writer.Raw(signer.public_key());
  writer.Raw(signer.Sign(MessageFor(scope, body)));
  writer.Raw(body);
  return writer.Take();
}

OpenedValue OpenSignedValue(const std::vector<Ed25519PublicKey>& trusted, std::string_view scope,
                            std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) {
    if (trusted.empty()) return {SignatureProblem::kNone, bytes};
    return {SignatureProblem::kUnsigned, {}};
  }
  ByteReader reader(bytes);
  reader.Raw(kMagic.size());
  const uint8_t version = reader.Fixed8();
  const std::string_view key = reader.Raw(kKeySize);
  const std::string_view signature = reader.Raw(kSignatureSize);
  if (!reader.ok() || version != kVersion) return {SignatureProblem::kMalformed, {}};
  const std::string_view body = bytes.substr(bytes.size() - reader.remaining());
  if (trusted.empty()) return {SignatureProblem::kNone, body};
  // Public keys: nothing to be learnt from how long comparing takes.
  const auto known = std::find(trusted.begin(), trusted.end(), key);
  if (known == trusted.end()) return {SignatureProblem::kUntrusted, {}};
  if (!VerifyEd25519(*known, MessageFor(scope, body), signature)) {
    return {SignatureProblem::kForged, {}};
  }
  return {SignatureProblem::kNone, body};
}

}  // namespace hpcc
