#ifndef HPCC_CLIENT_DAEMON_PROTOCOL_H_
#define HPCC_CLIENT_DAEMON_PROTOCOL_H_

// Frames of the daemon's protocol (proto/hpcc/daemon/v1/daemon.proto), and the limits on what is
// read from the other end, which nobody trusts.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/socket.h"
#include "hpcc/daemon/v1/daemon.pb.h"

namespace hpcc {

namespace daemon_v1 = ::hpcc::daemon::v1;

inline constexpr uint32_t kDaemonProtocolVersion = 2;

inline constexpr size_t kMaxFrameBytes = size_t{16} << 20;
inline constexpr size_t kMaxStringBytes = size_t{4} << 20;   // of one argument, variable or path
inline constexpr size_t kMaxDetailBytes = size_t{64} << 10;  // said beside a cause
inline constexpr int kMaxStrings = 100'000;                  // arguments, or variables
inline constexpr int kMaxFields = 2 * kMaxStrings + 100;     // of a request
inline constexpr int kMaxFrameOutputs = 8;                   // of one compile
inline constexpr size_t kMaxTokenBytes = 64;
// Outputs up to this size together travel in the message itself: cheaper than a descriptor.
inline constexpr size_t kMaxSmallOutputs = size_t{64} << 10;
// A larger result is not sent before it is known to be right: it could be for nothing.
inline constexpr uint64_t kMaxTentativeBytes = uint64_t{32} << 20;
inline constexpr uint64_t kMaxHitBytes = uint64_t{1} << 31;  // all outputs of one hit

// The message of a frame that has been received, `bytes` without its size. InvalidArgument: it is
// no such message, or breaks a limit; says which.
absl::StatusOr<daemon_v1::Request> ParseRequest(std::string_view bytes);
absl::StatusOr<daemon_v1::Response> ParseResponse(std::string_view bytes);

// Errors as of Connection; ResourceExhausted: the message is too large for a frame, and nothing was
// sent.
absl::Status SendFrame(Connection& connection, const google::protobuf::MessageLite& message,
                       std::chrono::milliseconds timeout, std::span<const int> descriptors = {});

// The bytes of one frame, as base/frame.h has it.
absl::StatusOr<std::string> ReceiveFrame(Connection& connection, std::chrono::milliseconds timeout);

}  // namespace hpcc

#endif  // HPCC_CLIENT_DAEMON_PROTOCOL_H_
