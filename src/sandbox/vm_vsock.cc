#include "sandbox/vm_vsock.h"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// As in linux/vhost.h, which is no C++.
constexpr unsigned long kVhostVsockSetGuestCid = _IOW(0xAF, 0x60, uint64_t);

absl::Status NotConnected(int error, uint32_t cid) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENODEV:
    case ETIMEDOUT:
      return absl::UnavailableError(StrCat("vsock: nobody listens at ", cid));
    default:
      return ErrnoStatus(error, "connect to", StrCat("vsock ", cid));
  }
}

// Until the socket is connected, or can't be.
absl::Status AwaitConnection(int connecting, uint32_t cid, milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  for (;;) {
    const auto left =
        std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
    pollfd state{connecting, POLLOUT, 0};
    const int ready = poll(&state, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return absl::DeadlineExceededError(StrCat("vsock: ", cid, " doesn't answer"));
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(connecting, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    return error == 0 ? absl::OkStatus() : NotConnected(error, cid);
  }
}

}  // namespace

// Several workers of one host begin at different places.
VhostVsock::VhostVsock(std::string device, SetGuestCid set_guest_cid)
    : device_(std::move(device)),
      set_guest_cid_(std::move(set_guest_cid)),
      next_(static_cast<uint32_t>(getpid()) * 64) {}

int VhostVsock::AskKernel(int device, uint64_t cid) {
  return ioctl(device, kVhostVsockSetGuestCid, &cid) == 0 ? 0 : errno;
}

absl::StatusOr<VsockClaim> VhostVsock::Claim() const {
  VsockClaim claim;
  claim.device = Descriptor(open(device_.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!claim.device.valid()) return ErrnoStatus(errno, "open", device_);
  for (uint32_t i = 0; i < kMostTries; ++i) {
    claim.cid = kFirstCid + next_++ % kCids;
    const int error = set_guest_cid_(claim.device.get(), claim.cid);
    if (error == 0) return claim;
    if (error != EADDRINUSE) return ErrnoStatus(error, "get a vsock number from", device_);
  }
  return absl::ResourceExhaustedError("vsock: all numbers that were tried are taken");
}

absl::StatusOr<Descriptor> ConnectToVsock(uint32_t cid, uint32_t port, milliseconds bound) {
  Descriptor connection(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connection.valid()) return ErrnoStatus(errno, "create", "a vsock socket");
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
      0) {
    if (errno != EINPROGRESS) return NotConnected(errno, cid);
    HPCC_RETURN_IF_ERROR(AwaitConnection(connection.get(), cid, bound));
  }
  return connection;
}

}  // namespace hpcc
