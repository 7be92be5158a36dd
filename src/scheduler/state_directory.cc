#include "scheduler/state_directory.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"

namespace hpcc {

namespace {

constexpr size_t kDecoySecret = 32;
constexpr std::string_view kKeys = "signing-keys";

// The names under which clients and workers of this machine may ask, and the one that is given.
std::vector<std::string> HostsOf(const SchedulerConfig& config) {
  if (!config.certificate_hosts.empty()) return config.certificate_hosts;
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  std::string host = config.listen.substr(0, config.listen.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const bool any = host == "0.0.0.0" || host == "::";
  for (const std::string& name : {any ? std::string() : host, config.name}) {
    if (!name.empty() && std::find(hosts.begin(), hosts.end(), name) == hosts.end()) {
      hosts.push_back(name);
    }
  }
  return hosts;
}

}  // namespace

absl::StatusOr<StateDirectory> StateDirectory::Open(FileSystem& fs, Clock& clock,
                                                    const std::string& path) {
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, std::string(path::Dirname(path))));
  HPCC_RETURN_IF_ERROR(fs.MakeDirectory(path, 0700));
  HPCC_RETURN_IF_ERROR(CheckPrivateDirectory(path));
  return StateDirectory(fs, clock, path);
}

absl::Status StateDirectory::Lock() {
  HPCC_ASSIGN_OR_RETURN(lock_, fs_->OpenForOverwriting(path::Join(path_, "lock"), 0600));
  const absl::Status locked = lock_->TryLock();
  if (!absl::IsUnavailable(locked)) return locked;
  return absl::AlreadyExistsError(StrCat("another scheduler runs with ", path_));
}

absl::StatusOr<KeyRing> StateDirectory::Keys() {
  return KeyRing::LoadOrMake(*fs_, path::Join(path_, kKeys), NowSeconds());
}

absl::Status StateDirectory::RotateKeys(std::chrono::seconds least_age, bool force) {
  HPCC_ASSIGN_OR_RETURN(const KeyRing ring, Keys());
  const std::chrono::seconds age(NowSeconds() - ring.current_since_s());
  if (!force && age < least_age) {
    return absl::FailedPreconditionError(
        StrCat("the current key is in use for ", FormatDuration(age), ": wait until it is ",
               FormatDuration(least_age), ", the life of a session, or some would end"));
  }
  HPCC_ASSIGN_OR_RETURN(const KeyRing rotated, ring.Rotated(NowSeconds()));
  return rotated.Save(*fs_, path::Join(path_, kKeys));
}

absl::StatusOr<std::string> StateDirectory::DecoySecret() {
  const std::string file = path::Join(path_, "decoy-secret");
  const absl::Status is_private = CheckPrivateFile(file);
  if (absl::IsNotFound(is_private)) {
    HPCC_ASSIGN_OR_RETURN(std::string made, SecretBytes(kDecoySecret));
    HPCC_RETURN_IF_ERROR(WriteFileAtomically(*fs_, file, made, 0600));
    return made;
  }
  HPCC_RETURN_IF_ERROR(is_private);
  HPCC_ASSIGN_OR_RETURN(std::string secret, ReadFile(*fs_, file, kDecoySecret));
  if (secret.size() == kDecoySecret) return secret;
  return absl::InvalidArgumentError(StrCat(file, ": is not ", kDecoySecret, " bytes; remove it"));
}

std::string StateDirectory::AuditFile() const {
  return path::Join(path_, "audit.db");
}

absl::StatusOr<CertificateAndKey> StateDirectory::Certificate(const SchedulerConfig& config) {
  if (!config.certificate_file.empty()) {
    return LoadCertificate(*fs_, config.certificate_file, config.key_file);
  }
  return LoadOrMakeCertificate(*fs_, path_, HostsOf(config), NowSeconds());
}

}  // namespace hpcc
