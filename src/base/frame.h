#ifndef HPCC_BASE_FRAME_H_
#define HPCC_BASE_FRAME_H_

// Messages on a stream, each preceded by its size, as the programs of one machine send them:
//
//   frame = size:u32 (little-endian, of the message) , message
//
// What a message is stands in proto/.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/socket.h"

namespace hpcc {

// What precedes a message of `size` bytes.
std::string FrameHead(uint32_t size);

// The message of one frame. Errors as of Connection; InvalidArgument: it claims to be larger than
// `max_bytes`. Memory is taken as bytes arrive, not as they are promised.
absl::StatusOr<std::string> ReceiveFrame(Connection& connection, size_t max_bytes,
                                         std::chrono::milliseconds timeout);

// `size` bytes, as ReceiveFrame takes them: DataLoss when the other end closes before the last.
absl::StatusOr<std::string> ReceiveBytes(Connection& connection, uint64_t size,
                                         std::chrono::milliseconds timeout);

}  // namespace hpcc

#endif  // HPCC_BASE_FRAME_H_
