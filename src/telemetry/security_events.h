#ifndef HPCC_TELEMETRY_SECURITY_EVENTS_H_
#define HPCC_TELEMETRY_SECURITY_EVENTS_H_

// Security events: one record for each refused or anomalous interaction, to the log, to counters,
// and to the audit log.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "telemetry/audit_log.h"

namespace hpcc {

// Names are stable: alerts are written on them. Append only.
enum class SecurityEvent : uint8_t {
  // The reasons tokens are refused for, by the names auth/token_refusal.h gives them.
  kTokenTooLarge,
  kTokenMalformed,
  kTokenClaimDuplicated,
  kTokenClaimMissing,
  kTokenAlgorithmRefused,
  kTokenKeyUnknown,
  kTokenAlgorithmMismatch,
  kTokenSignatureWrong,
  kTokenTypeWrong,
  kTokenIssuerWrong,
  kTokenAudienceWrong,
  kTokenExpired,
  kTokenNotYetValid,
  kTokenTenantWrong,
  kTokenKeysUnavailable,  // the identity provider does not answer

  kTenantUnknown,
  kSessionRefused,  // the scheduler's own token was not right
  kWorkerRefused,   // a worker's secret was not right
  kRoutingTokenRefused,
  kImageRefused,  // the tenant may not use it
  kCertificateChanged,
  kArgumentRefused,  // would reach out of the sandbox
  kEnvironmentRefused,
  kManifestRefused,
  kDigestMismatch,  // bytes that aren't what their digest says
  kQuotaExceeded,
  kMessageRefused,        // malformed, or beyond a limit
  kToolchainMismatch,     // the client's compiler isn't the worker's
  kDependencyUndeclared,  // a compile read what its manifest doesn't have
  kSandboxLost,
  kAuditWriteFailed,
  kOperatorRefused,      // neither the worker's user nor root
  kOperatorCommand,      // begins in a tenant's sandbox; its audit row comes when it has ended
  kSharedResultRefused,  // of the workers' shared cache: damaged, or nobody trusted stored it
  kJobUnfinished,        // something of it ran in a sandbox, and it has no audit row
};
inline constexpr size_t kSecurityEventCount =
    static_cast<size_t>(SecurityEvent::kJobUnfinished) + 1;

// Kebab case: "token-expired".
std::string_view SecurityEventName(SecurityEvent event);
std::optional<SecurityEvent> SecurityEventOfName(std::string_view name);

struct SecurityEventContext {
  std::string tenant;  // as far as it is known, and as claimed where it isn't
  std::string user;
  std::string peer;    // address of the other end
  std::string detail;  // one line, without secrets
};

// Whoever is refused can't fill a disk with it: of each event of a tenant kRecordsPerWindow within
// kEventWindow are recorded one by one; what else comes is one record with a count, written when
// the window has passed. Of kQuotaExceeded only the first is: a busy tenant reaches its limits all
// day. kJobUnfinished is never folded: it stands for a job's audit row. Counters count all.
// Thread-safe. Reporting never fails a caller.
class SecurityEvents {
 public:
  static constexpr uint64_t kRecordsPerWindow = 20;
  static constexpr std::chrono::seconds kEventWindow{10};
  // Tenants are claimed by strangers: beyond this many at a time they share one window.
  static constexpr size_t kMaxWindows = 64;

  // `sink` may be null: log and counters only. Both outlive this.
  SecurityEvents(Clock& clock, AuditLog* sink);
  ~SecurityEvents();  // as Flush(), for all windows

  void Report(SecurityEvent event, const SecurityEventContext& context);
  // Writes the counts of windows that have passed. Called by whoever keeps house, now and then.
  void Flush();

  uint64_t count(SecurityEvent event) const;
  uint64_t total() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_SECURITY_EVENTS_H_
