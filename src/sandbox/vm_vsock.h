#ifndef HPCC_SANDBOX_VM_VSOCK_H_
#define HPCC_SANDBOX_VM_VSOCK_H_

// The host's own vsock, by which one reaches a guest as AF_VSOCK (vsock(7)): the kernel's
// vhost-vsock device gives a machine a number (a context id, cid) that no other machine of this
// host has.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// A machine's number, which is its own while the device is open here or in its hypervisor.
struct VsockClaim {
  Descriptor device;
  uint32_t cid = 0;
};

// Thread-safe.
class VhostVsock {
 public:
  static constexpr char kDevice[] = "/dev/vhost-vsock";
  // Far above what other programs hand out from 3 on.
  static constexpr uint32_t kFirstCid = 0x4000'0000;
  static constexpr uint32_t kCids = 0x1000'0000;
  static constexpr uint32_t kMostTries = 256;

  // Gives the open device the number; an errno, or 0. EADDRINUSE: another machine has it.
  using SetGuestCid = std::function<int(int device, uint64_t cid)>;

  explicit VhostVsock(std::string device = kDevice, SetGuestCid set_guest_cid = AskKernel);

  // Whether this host has the device, and this process may use it.
  bool Works() const { return Claim().ok(); }

  // NotFound, PermissionDenied, ...: the device can't be opened, or is none. ResourceExhausted:
  // many numbers were tried, and all are taken.
  absl::StatusOr<VsockClaim> Claim() const;

 private:
  static int AskKernel(int device, uint64_t cid);

  const std::string device_;
  const SetGuestCid set_guest_cid_;
  mutable std::atomic<uint32_t> next_;
};

// A stream to `port` of the machine `cid`. One try, within `bound`.
//  - Unavailable: there is no such machine, or nobody listens there (yet). DeadlineExceeded: no
//    answer. Others: this host has no vsock.
absl::StatusOr<Descriptor> ConnectToVsock(uint32_t cid, uint32_t port,
                                          std::chrono::milliseconds bound);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_VSOCK_H_
