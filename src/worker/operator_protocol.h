#ifndef HPCC_WORKER_OPERATOR_PROTOCOL_H_
#define HPCC_WORKER_OPERATOR_PROTOCOL_H_

// Messages between a worker and its operators (proto/hpcc/operators/v1/operators.proto): the limits
// on what is read from the other end, and the frames they go in (base/frame.h).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/socket.h"
#include "hpcc/operators/v1/operators.pb.h"

namespace hpcc {

namespace operators_v1 = ::hpcc::operators::v1;

inline constexpr uint32_t kOperatorProtocolVersion = 1;

// Of one message. The largest are a command, and the list of all sandboxes a worker may have.
inline constexpr size_t kMaxOperatorFrameBytes = size_t{16} << 20;
inline constexpr size_t kMaxOperatorCommandBytes = size_t{1} << 20;
inline constexpr int kMaxOperatorCommandWords = 16'384;
inline constexpr size_t kMaxSandboxIdBytes = 256;
inline constexpr int kMaxListedSandboxes = 10'000;
// Of the data in one Output: small enough for a socket that has room at all to take it at once.
inline constexpr size_t kOperatorOutputBytes = size_t{16} << 10;

inline constexpr std::chrono::milliseconds kOperatorWall{10 * 60 *
                                                         1000};  // where none is asked for
inline constexpr std::chrono::milliseconds kOperatorWallMost{60 * 60 * 1000};

// The message of a frame that has been received. InvalidArgument: it is no such message, or breaks
// a limit; the text says which.
absl::StatusOr<operators_v1::Request> ParseOperatorRequest(std::string_view bytes);
absl::StatusOr<operators_v1::Response> ParseOperatorResponse(std::string_view bytes);

// The whole is sent within the timeout. Errors as of Connection.
absl::Status SendOperatorFrame(Connection& connection, const google::protobuf::MessageLite& message,
                               std::chrono::milliseconds timeout);

// OK for a response without a code.
absl::Status StatusOf(const operators_v1::Response& response);
void SetStatus(const absl::Status& status, operators_v1::Response* response);

}  // namespace hpcc

#endif  // HPCC_WORKER_OPERATOR_PROTOCOL_H_
