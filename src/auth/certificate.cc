#include "auth/certificate.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "absl/status/status.h"
#include "auth/openssl_handles.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxHosts = 32;
constexpr size_t kMaxHostName = 253;
constexpr int kOwnDays = 3650;
constexpr int64_t kDay = 86400;
constexpr int64_t kRenewBefore = 30 * kDay;
constexpr int64_t kClocksApart = 3600;

// A program without a terminal can't ask for the password of an encrypted key.
int NoPassword(char*, int, int, void*) {
  return -1;
}

bool IsAddress(const std::string& host) {
  unsigned char address[16];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// What OpenSSL's configuration language would take for more than a name never gets through.
bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostName &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
         });
}

absl::StatusOr<std::string> AlternativeNames(const std::vector<std::string>& hosts) {
  if (hosts.empty() || hosts.size() > kMaxHosts) {
    return absl::InvalidArgumentError(StrCat("a certificate is for 1 to ", kMaxHosts, " hosts"));
  }
  std::string names;
  for (const std::string& host : hosts) {
    const bool address = IsAddress(host);
    if (!address && !IsHostName(host)) {
      return absl::InvalidArgumentError("a host of the certificate is no name and no address");
    }
    StrAppend(&names, names.empty() ? "" : ",", address ? "IP:" : "DNS:", host);
  }
  return names;
}

bool AddExtension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION, X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  bytes[0] &= 0x7f;  // positive
  const BigNumber number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetName(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const std::string_view common = "hpcc";
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, UnsignedBytes(common),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1;
}

X509Certificate MakeCertificate(EVP_PKEY* key, const std::string& names, int64_t from_s,
                                int64_t until_s) {
  X509Certificate certificate(X509_new());
  X509* x509 = certificate.get();
  if (x509 == nullptr || X509_set_version(x509, X509_VERSION_3) != 1 || !SetSerial(x509) ||
      !SetName(x509) || ASN1_TIME_set(X509_getm_notBefore(x509), from_s) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x509), until_s) == nullptr ||
      X509_set_pubkey(x509, key) != 1 || !AddExtension(x509, NID_subject_alt_name, names) ||
      // It is its own root, and signs for nobody else.
      !AddExtension(x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(x509, NID_key_usage, "critical,digitalSignature,keyCertSign") ||
      !AddExtension(x509, NID_ext_key_usage, "serverAuth") ||
      !AddExtension(x509, NID_subject_key_identifier, "hash") ||
      X509_sign(x509, key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return certificate;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

X509Certificate ReadCertificate(std::string_view pem) {
  if (pem.size() > kMaxCertificateBytes) return nullptr;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return nullptr;
  return X509Certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
}

Pkey ReadPrivateKey(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return nullptr;
  return Pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
}

// Whether the certificate is for each of the hosts, and lasts.
bool Serves(std::string_view pem, const std::vector<std::string>& hosts, int64_t now_s) {
  const X509Certificate certificate = ReadCertificate(pem);
  if (!certificate) return false;
  const time_t renew_at = now_s + kRenewBefore;
  if (ASN1_TIME_cmp_time_t(X509_get0_notAfter(certificate.get()), renew_at) < 0) return false;
  return std::all_of(hosts.begin(), hosts.end(), [&certificate](const std::string& host) {
    return IsAddress(host)
               ? X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1
               : X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr) == 1;
  });
}

}  // namespace

absl::StatusOr<CertificateAndKey> MakeSelfSignedCertificate(const std::vector<std::string>& hosts,
                                                            int64_t now_s, int days) {
  HPCC_ASSIGN_OR_RETURN(const std::string names, AlternativeNames(hosts));
  const absl::Status failed = absl::InternalError("OpenSSL makes no certificate");
  const Pkey key(EVP_EC_gen("P-256"));
  if (!key) return failed;
  const X509Certificate certificate =
      MakeCertificate(key.get(), names, now_s - kClocksApart, now_s + days * kDay);
  const Bio key_bio(BIO_new(BIO_s_secmem()));
  const Bio certificate_bio(BIO_new(BIO_s_mem()));
  if (!certificate || !key_bio || !certificate_bio ||
      PEM_write_bio_X509(certificate_bio.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return failed;
  }
  CertificateAndKey made{TextOf(certificate_bio.get()), TextOf(key_bio.get()), ""};
  HPCC_ASSIGN_OR_RETURN(made.fingerprint, CertificateFingerprint(made.certificate_pem));
  return made;
}

absl::StatusOr<CertificateAndKey> LoadCertificate(FileSystem& fs,
                                                  const std::string& certificate_file,
                                                  const std::string& key_file) {
  CertificateAndKey loaded;
  HPCC_ASSIGN_OR_RETURN(loaded.certificate_pem,
                        ReadFile(fs, certificate_file, kMaxCertificateBytes));
  FileStat stat;
  HPCC_ASSIGN_OR_RETURN(loaded.key_pem, ReadFileAndStat(fs, key_file, kMaxCertificateBytes, &stat));
  if ((stat.mode & 077) != 0) {
    return absl::FailedPreconditionError(
        StrCat(key_file, ": others may read this key: chmod 600 it"));
  }
  const X509Certificate certificate = ReadCertificate(loaded.certificate_pem);
  if (!certificate) {
    return absl::InvalidArgumentError(StrCat(certificate_file, ": no certificate in PEM"));
  }
  const Pkey key = ReadPrivateKey(loaded.key_pem);
  if (!key) {
    return absl::InvalidArgumentError(StrCat(key_file, ": no unencrypted private key in PEM"));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        StrCat(key_file, ": is not the key of the certificate ", certificate_file));
  }
  HPCC_ASSIGN_OR_RETURN(loaded.fingerprint, CertificateFingerprint(loaded.certificate_pem));
  return loaded;
}

absl::StatusOr<CertificateAndKey> LoadOrMakeCertificate(FileSystem& fs,
                                                        const std::string& directory,
                                                        const std::vector<std::string>& hosts,
                                                        int64_t now_s) {
  const std::string certificate_file = path::Join(directory, "certificate.pem");
  const std::string key_file = path::Join(directory, "certificate.key");
  if (FileExists(fs, certificate_file) && FileExists(fs, key_file)) {
    absl::StatusOr<CertificateAndKey> kept = LoadCertificate(fs, certificate_file, key_file);
    // A pair cut in two by a crash is made anew; a key that others can read is told.
    if (kept.ok() && Serves(kept->certificate_pem, hosts, now_s)) return kept;
    if (!kept.ok() && !absl::IsInvalidArgument(kept.status())) return kept;
  }
  HPCC_ASSIGN_OR_RETURN(CertificateAndKey made, MakeSelfSignedCertificate(hosts, now_s, kOwnDays));
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs, key_file, made.key_pem, 0600));
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs, certificate_file, made.certificate_pem, 0644));
  return made;
}

absl::StatusOr<std::string> CertificateFingerprint(std::string_view pem) {
  const X509Certificate certificate = ReadCertificate(pem);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned int size = 0;
  if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest, &size) != 1 ||
      size != sizeof(digest)) {
    return absl::InvalidArgumentError("no certificate in PEM");
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex.push_back(kHex[byte >> 4]);
    hex.push_back(kHex[byte & 15]);
  }
  return hex;
}

std::string NormalizeFingerprint(std::string_view text) {
  std::string hex = AsciiLower(text);
  hex.erase(std::remove(hex.begin(), hex.end(), ':'), hex.end());
  const bool fits =
      hex.size() == 2 * SHA256_DIGEST_LENGTH && std::all_of(hex.begin(), hex.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      });
  return fits ? hex : std::string();
}

bool ConstantTimeEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hpcc
