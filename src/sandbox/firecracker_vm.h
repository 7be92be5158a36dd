#ifndef HPCC_SANDBOX_FIRECRACKER_VM_H_
#define HPCC_SANDBOX_FIRECRACKER_VM_H_

// One Firecracker process in its jail, from the jailer's run to its end.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/firecracker_api.h"
#include "sandbox/firecracker_requests.h"
#include "sandbox/jailer_command.h"
#include "sandbox/jailer_jail.h"
#include "sandbox/watched_process.h"

namespace hpcc {

// Thread-safe, but for TakeJail.
class FirecrackerVm {
 public:
  // Runs the jailer for `jail` and waits until the VMM in it answers. On an error nothing of it is
  // left.
  //  - FailedPrecondition: the jailer, or the VMM's version, says no. NotFound: there is no jailer.
  //  - Unavailable: the VMM ended; with what it said. DeadlineExceeded: it doesn't answer.
  static absl::StatusOr<std::unique_ptr<FirecrackerVm>> Launch(const JailerSettings& settings,
                                                               std::unique_ptr<Jail> jail,
                                                               const JailLimits& limits,
                                                               std::chrono::milliseconds bound);
  ~FirecrackerVm();  // as Kill()

  // As FirecrackerApi::Perform; Unavailable, with what it said, when the VMM has ended.
  absl::Status Tell(const FirecrackerRequest& request, std::chrono::milliseconds bound) const;

  // A stream to `port` of the guest, as soon as somebody listens there.
  //  - Unavailable: the VMM ended. DeadlineExceeded: nobody listened, or no whole answer came.
  //  - DataLoss, Internal: as ShakeVsockHands.
  absl::StatusOr<Descriptor> Connect(uint32_t port, std::chrono::milliseconds bound) const;

  bool alive() const { return process_->alive(); }
  // The last of what the VMM said, and with a console the guest: not to be believed.
  std::string Said() const { return process_->Said(); }
  void Kill() { process_->Kill(); }

  // Kills the VMM; what it has written is there still.
  std::unique_ptr<Jail> TakeJail();

 private:
  FirecrackerVm() = default;

  absl::Status Await(const Descriptor& messages, std::chrono::steady_clock::time_point deadline);
  absl::Status Watch(Descriptor messages);
  absl::Status CheckVersion(std::chrono::milliseconds bound) const;
  absl::Status Ended() const;

  std::unique_ptr<Jail> jail_;
  JailSocket api_socket_;
  std::unique_ptr<FirecrackerApi> api_;
  std::unique_ptr<WatchedProcess> process_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_VM_H_
