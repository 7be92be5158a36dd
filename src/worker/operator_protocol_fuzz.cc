// Frames of operators and of workers: whatever comes, what is read keeps the protocol's limits.

#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>

#include "base/frame.h"
#include "worker/operator_protocol.h"

namespace {

constexpr size_t kMaxInput = 100'000;  // what a socket takes at once
constexpr std::chrono::milliseconds kTimeout{1000};

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckRequest(const hpcc::operators_v1::Request& request) {
  if (request.protocol_version() != hpcc::kOperatorProtocolVersion || !request.has_exec()) return;
  const hpcc::operators_v1::Exec& exec = request.exec();
  Require(exec.arguments_size() > 0 && exec.arguments(0).front() == '/');
  Require(!exec.sandbox().empty() && exec.sandbox().size() <= hpcc::kMaxSandboxIdBytes);
  Require(exec.wall_ms() <= static_cast<uint64_t>(hpcc::kOperatorWallMost.count()));
  for (const std::string& word : exec.arguments()) {
    Require(word.find('\0') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kMaxInput) return 0;
  int ends[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  hpcc::Connection reader{hpcc::Descriptor(ends[0])};
  Require(send(ends[1], data, size, MSG_DONTWAIT) == static_cast<ssize_t>(size));
  close(ends[1]);
  while (true) {
    const absl::StatusOr<std::string> frame =
        hpcc::ReceiveFrame(reader, hpcc::kMaxOperatorFrameBytes, kTimeout);
    if (!frame.ok()) break;
    const absl::StatusOr<hpcc::operators_v1::Request> request = hpcc::ParseOperatorRequest(*frame);
    if (request.ok()) CheckRequest(*request);
    const absl::StatusOr<hpcc::operators_v1::Response> response =
        hpcc::ParseOperatorResponse(*frame);
    if (response.ok()) Require(hpcc::StatusOf(*response).ok() == (response->code() == 0));
  }
  return 0;
}
