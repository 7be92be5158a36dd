// Whatever a QEMU that a guest has taken over says, the client comes back from each question, and
// what it takes for an answer is JSON.

#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sandbox/qmp_client.h"

namespace {

constexpr size_t kMaxInput = 100'000;  // what a socket takes at once
constexpr std::chrono::milliseconds kBound{20};

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kMaxInput) return 0;
  int ends[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const hpcc::Descriptor qemu(ends[1]);
  Require(send(qemu.get(), data, size, MSG_DONTWAIT) == static_cast<ssize_t>(size));
  shutdown(qemu.get(), SHUT_WR);
  hpcc::QmpClient client{hpcc::Descriptor(ends[0])};
  if (!client.Begin(kBound).ok()) return 0;
  const absl::StatusOr<std::string> answer = client.Execute("query-status", "", kBound);
  if (answer.ok()) Require(nlohmann::json::accept(*answer));
  client.AwaitStatus("query-migrate", "completed", kBound).IgnoreError();
  return 0;
}
