#ifndef HPCC_SANDBOX_VSOCK_HANDSHAKE_H_
#define HPCC_SANDBOX_VSOCK_HANDSHAKE_H_

// How one reaches a port of a guest through the Unix socket of Firecracker's vsock device
// (Firecracker's docs/vsock.md, "Host-Initiated Connections"):
//
//   host    "CONNECT " port "\n"
//   VMM     "OK " host-port "\n"       and from the next byte on the guest speaks
//
// Ports are decimal numbers below 2^32. A VMM that can't reach the port closes the connection
// without a word.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/socket.h"

namespace hpcc {

// "OK 4294967295\n" and not one byte more.
inline constexpr size_t kVsockAnswerBytes = 14;

// The number in "OK <number>", without the newline. Internal: it is something else.
absl::StatusOr<uint32_t> ParseVsockAnswer(std::string_view line);

// Leaves `connection`, fresh from the device's socket, connected to `port` of the guest. Not one
// byte beyond the newline is read.
//  - Unavailable: refused; nobody listens there in the guest (yet).
//  - DataLoss: the VMM hung up in the middle. Internal: it answered something else.
//  - DeadlineExceeded: it said nothing, or not all, within `bound`.
absl::Status ShakeVsockHands(Connection& connection, uint32_t port,
                             std::chrono::milliseconds bound);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VSOCK_HANDSHAKE_H_
