#ifndef HPCC_AUTH_CERTIFICATE_H_
#define HPCC_AUTH_CERTIFICATE_H_

// TLS certificates for schedulers and workers that were given none, and the fingerprints they are
// pinned by: SHA-256 of the certificate's DER bytes, 64 lower-case hex digits.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace hpcc {

inline constexpr uint64_t kMaxCertificateBytes = 64 << 10;

struct CertificateAndKey {
  std::string certificate_pem;
  std::string key_pem;      // secret
  std::string fingerprint;  // of the first certificate
};

// A new P-256 key and a certificate by itself, for `hosts` (DNS names, IPv4 and IPv6 addresses; at
// least one, at most 32), from an hour before `now_s` until `days` after it. InvalidArgument: a
// host is none.
absl::StatusOr<CertificateAndKey> MakeSelfSignedCertificate(const std::vector<std::string>& hosts,
                                                            int64_t now_s, int days);

// Certificate (PEM, the leaf first) and private key from two files. InvalidArgument: they are none,
// or don't belong together. FailedPrecondition: others may read the key.
absl::StatusOr<CertificateAndKey> LoadCertificate(FileSystem& fs,
                                                  const std::string& certificate_file,
                                                  const std::string& key_file);

// certificate.pem and certificate.key in `directory`: made when there are none, when they are for
// other hosts, or expire within a month; so a fingerprint lasts. They are good for ten years.
absl::StatusOr<CertificateAndKey> LoadOrMakeCertificate(FileSystem& fs,
                                                        const std::string& directory,
                                                        const std::vector<std::string>& hosts,
                                                        int64_t now_s);

// Of the first certificate in `pem`. InvalidArgument: there is none.
absl::StatusOr<std::string> CertificateFingerprint(std::string_view pem);

// "ab:CD:…" and "abcd…" alike, as people copy it; empty unless it is 32 bytes.
std::string NormalizeFingerprint(std::string_view text);

// In a time that depends on the lengths only.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

}  // namespace hpcc

#endif  // HPCC_AUTH_CERTIFICATE_H_
