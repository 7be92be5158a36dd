#ifndef HPCC_SANDBOX_FIRECRACKER_TEMPLATE_H_
#define HPCC_SANDBOX_FIRECRACKER_TEMPLATE_H_

// Machines that have been booted once, for no tenant, and saved, to be copied. A template has run
// nothing but the kernel and the agent, and its VMM is dead before anybody begins as a copy of it.
//
// Its snapshot lies in a jail directory in which no VMM ever runs: it is the worker's own, a
// crashed worker's is found and removed as any jail is. The files are the worker's and read-only; a
// copy's VMM gets links to them, maps the memory for itself (copy on write), and is a user who
// can't write to them.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/firecracker_machine.h"
#include "sandbox/firecracker_requests.h"
#include "sandbox/jailer_jail.h"
#include "sandbox/vm_made_once.h"

namespace hpcc {

class FirecrackerTemplate {
 public:
  // Boots a machine like `parts` (whose user and tenant are not looked at), and saves it. Errors as
  // those of a boot; and FailedPrecondition, ...: it can't be saved.
  static absl::StatusOr<std::shared_ptr<const FirecrackerTemplate>> Make(
      const FirecrackerParts& parts, std::chrono::milliseconds bound);

  // Makes the snapshot appear in a copy's jail. NotFound: it is no longer there.
  absl::Status ProvideTo(Jail& jail) const;
  // Its files as a VMM sees them after that.
  static FirecrackerSnapshot Files();

 private:
  explicit FirecrackerTemplate(std::unique_ptr<Jail> jail) : jail_(std::move(jail)) {}

  const std::unique_ptr<Jail> jail_;
};

// At most kMostTemplates are kept, the least recently used goes. Thread-safe.
class FirecrackerTemplates {
 public:
  static constexpr size_t kMostTemplates = 8;
  // After one couldn't be made, starts like it are boots for a while.
  static constexpr std::chrono::milliseconds kPauseAfterFailure{60'000};

  using Made = std::shared_ptr<const FirecrackerTemplate>;

  // The template for sandboxes like `parts`; made when there is none. Several that want the same
  // one wait for one boot, each within its bound.
  absl::StatusOr<Made> Get(const FirecrackerParts& parts, std::chrono::milliseconds bound);
  // Nothing could begin as a copy of `made`: the next start boots another.
  void Forget(const FirecrackerParts& parts, const Made& made);

 private:
  MadeOnce<FirecrackerTemplate> made_{kMostTemplates, kPauseAfterFailure};
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_TEMPLATE_H_
