#ifndef HPCC_SCHEDULER_STATE_DIRECTORY_H_
#define HPCC_SCHEDULER_STATE_DIRECTORY_H_

// What a scheduler keeps between two lives, in a directory of its own that nobody else can look
// into:
//
//   lock              held by the one that runs
//   signing-keys      auth/key_ring.h: sessions and routing tokens outlive a restart
//   decoy-secret      32 bytes: unknown tenants get the same answer after it
//   audit.db          telemetry/audit_log.h: the security events
//   certificate.pem, certificate.key      auth/certificate.h, where none were given
//
// Workers and routes are not kept: workers register again, clients ask again.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "auth/certificate.h"
#include "auth/key_ring.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "scheduler/scheduler_config.h"

namespace hpcc {

class StateDirectory {
 public:
  // Makes it (0700) when there is none. FailedPrecondition: others may look into it.
  static absl::StatusOr<StateDirectory> Open(FileSystem& fs, Clock& clock, const std::string& path);

  // AlreadyExists: another scheduler runs here. Held until the object goes.
  absl::Status Lock();

  absl::StatusOr<KeyRing> Keys();
  // The ring after next becomes current. FailedPrecondition: the current one is younger than
  // `least_age`, so that sessions it signed still run; with `force` that doesn't count.
  absl::Status RotateKeys(std::chrono::seconds least_age, bool force);
  absl::StatusOr<std::string> DecoySecret();
  std::string AuditFile() const;
  // Of the files that are configured, else the self-made one.
  absl::StatusOr<CertificateAndKey> Certificate(const SchedulerConfig& config);

 private:
  StateDirectory(FileSystem& fs, Clock& clock, std::string path)
      : fs_(&fs), clock_(&clock), path_(std::move(path)) {}
  int64_t NowSeconds() const { return clock_->NowNanoseconds() / 1'000'000'000; }

  FileSystem* fs_;
  Clock* clock_;
  std::string path_;
  std::unique_ptr<File> lock_;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_STATE_DIRECTORY_H_
