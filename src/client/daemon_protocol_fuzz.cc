// Any bytes, as a peer could send them: frames are read off a socket until one is refused, and each
// is read as a request and as a response.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string_view>

#include "client/daemon_protocol.h"

namespace {

constexpr std::chrono::milliseconds kTimeout{1000};
constexpr size_t kMaxInput = size_t{64} << 10;  // what a socket holds without a reader

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kMaxInput) return 0;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  hpcc::Connection reader{hpcc::Descriptor(ends[0])};
  if (send(ends[1], data, size, MSG_DONTWAIT) != static_cast<ssize_t>(size)) std::abort();
  close(ends[1]);
  while (true) {
    const absl::StatusOr<std::string> frame = hpcc::ReceiveFrame(reader, kTimeout);
    if (!frame.ok()) break;
    const absl::StatusOr<hpcc::daemon_v1::Request> request = hpcc::ParseRequest(*frame);
    if (request.ok() && request->has_look_up() &&
        request->look_up().working_directory().front() != '/') {
      std::abort();
    }
    const absl::StatusOr<hpcc::daemon_v1::Response> response = hpcc::ParseResponse(*frame);
    if (response.ok() && response->hit().total_size() > hpcc::kMaxHitBytes) std::abort();
  }
  return 0;
}
