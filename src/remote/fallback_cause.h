#ifndef HPCC_REMOTE_FALLBACK_CAUSE_H_
#define HPCC_REMOTE_FALLBACK_CAUSE_H_

// Why a compile that could have been a worker's was done on this machine.

#include <cstdint>
#include <string_view>

namespace hpcc {

// The numbers are counter positions in a file and stand on the wire: never changed, never used
// again. Append only.
enum class FallbackCause : uint8_t {
  kNone = 0,
  kUnsuitable = 1,      // something in the command, or its toolchain, ties it to this machine
  kClosureUnknown = 2,  // what it reads can't be told beforehand
  kUnreachable = 3,     // hpcc-remote could not be asked
  kNoScheduler = 4,     // the scheduler does not answer
  kNotSignedIn = 5,     // no token, or one that is no longer good
  kNoWorker = 6,        // the scheduler knows no worker for it
  kCertificate = 7,     // somebody is not who they should be
  kWorkerLost = 8,      // the worker does not answer, or stopped answering
  kQuota = 9,           // the tenant's share is used up
  kBusy = 10,           // workers have as much as they take
  kRefused = 11,        // the worker does not run such commands
  kImageDiffers = 12,   // the worker's compiler or headers are not this machine's
  kMissingBlobs = 13,   // the worker forgot what it was sent, twice
  kChanged = 14,        // a file changed while it was read
  kOddResult = 15,      // ended by a signal, or incomplete
  kTooSlow = 16,        // beyond a bound on time
  kTerminal = 17,       // diagnostics that look otherwise on this terminal
  kError = 18,          // something in hpcc failed
  kFailed = 19,         // the compiler said no; only the one here can say so to the user
  kNoImage = 20,        // the worker doesn't have the image yet, or can't get it
};
inline constexpr int kFallbackCauseCount = 21;

// Stable kebab-case name, such as "worker-lost".
std::string_view FallbackCauseName(FallbackCause cause);
// For a user, as what is said after "compiled here: ".
std::string_view FallbackCauseText(FallbackCause cause);

// Of a number from elsewhere; kError for one that is none of these.
FallbackCause FallbackCauseOf(uint32_t number);

}  // namespace hpcc

#endif  // HPCC_REMOTE_FALLBACK_CAUSE_H_
