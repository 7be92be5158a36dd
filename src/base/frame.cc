#include "base/frame.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kHeadBytes = 4;
constexpr uint64_t kFirstStepBytes = uint64_t{16} << 10;

}  // namespace

std::string FrameHead(uint32_t size) {
  ByteWriter head;
  head.Fixed32(size);
  return head.Take();
}

absl::StatusOr<std::string> ReceiveBytes(Connection& connection, uint64_t size,
                                         std::chrono::milliseconds timeout) {
  std::string bytes;
  while (bytes.size() < size) {
    const size_t had = bytes.size();
    bytes.resize(std::min(size, std::max(kFirstStepBytes, uint64_t{2} * had)));
    const absl::Status status =
        connection.Receive(std::span(bytes.data() + had, bytes.size() - had), timeout);
    // The end of the stream inside a message is never a proper one.
    if (absl::IsOutOfRange(status)) return absl::DataLossError("the other end closed midway");
    HPCC_RETURN_IF_ERROR(status);
  }
  return bytes;
}

absl::StatusOr<std::string> ReceiveFrame(Connection& connection, size_t max_bytes,
                                         std::chrono::milliseconds timeout) {
  char head[kHeadBytes];
  HPCC_RETURN_IF_ERROR(connection.Receive(head, timeout));
  const size_t size = ByteReader(std::string_view(head, sizeof head)).Fixed32();
  if (size > max_bytes) {
    return absl::InvalidArgumentError(StrCat("a frame of ", size, " bytes"));
  }
  return ReceiveBytes(connection, size, timeout);
}

}  // namespace hpcc
