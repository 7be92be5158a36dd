#include "sandbox/vm_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/private_directory.h"
#include "base/status.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kMagic("\xff\xff\xff\xffhpv\x01", 8);
constexpr size_t kMessageBytes = kMagic.size() + 1 + VmGreeting::kNonceBytes;
constexpr size_t kReadBytes = 4096;
constexpr milliseconds kFirstPatience{250};  // doubles with each hello: a guest may be slow

absl::Status Over() {
  return absl::UnavailableError("vm: the stream to the guest is over");
}

// A message is small enough for any socket's buffer, unless the guest has stopped reading.
absl::Status Say(int stream, VmGreeting::Kind kind, const std::string& nonce) {
  const std::string message = EncodeVmGreeting({kind, nonce});
  const ssize_t sent = send(stream, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(message.size())) return absl::OkStatus();
  if (sent < 0 && errno != EAGAIN) return Over();
  return absl::DeadlineExceededError("vm: the guest takes no bytes");
}

// Until `until`: OK at the answer; DeadlineExceeded without one.
absl::Status AwaitReady(int stream, const std::string& nonce, steady_clock::time_point until,
                        VmGreetingScanner& scanner) {
  for (;;) {
    while (std::optional<VmGreeting> greeting = scanner.Next()) {
      if (*greeting == VmGreeting{VmGreeting::Kind::kReady, nonce}) return absl::OkStatus();
    }
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) return absl::DeadlineExceededError("vm: the guest doesn't answer");
    pollfd waiting{stream, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    char buffer[kReadBytes];
    const ssize_t got = recv(stream, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return Over();
    if (got > 0) scanner.Add({buffer, static_cast<size_t>(got)});
  }
}

}  // namespace

std::string EncodeVmGreeting(const VmGreeting& greeting) {
  std::string message(kMagic);
  message.push_back(static_cast<char>(greeting.kind));
  message.append(greeting.nonce);
  return message;
}

std::optional<VmGreeting> VmGreetingScanner::Next() {
  for (;;) {
    const size_t found = bytes_.find(kMagic);
    if (found == std::string::npos) {
      // The beginning of a magic may be all that has come of it.
      if (bytes_.size() >= kMagic.size()) bytes_.erase(0, bytes_.size() - (kMagic.size() - 1));
      return std::nullopt;
    }
    bytes_.erase(0, found);
    if (bytes_.size() < kMessageBytes) return std::nullopt;
    const auto kind = static_cast<uint8_t>(bytes_[kMagic.size()]);
    VmGreeting greeting{static_cast<VmGreeting::Kind>(kind),
                        bytes_.substr(kMagic.size() + 1, VmGreeting::kNonceBytes)};
    const bool known = kind >= 1 && kind <= 3;
    bytes_.erase(0, known ? kMessageBytes : 1);
    if (known) return greeting;
  }
}

absl::Status GreetGuest(int stream, AfterGreeting after, milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  VmGreetingScanner scanner;
  for (milliseconds patience = kFirstPatience;; patience *= 2) {
    HPCC_ASSIGN_OR_RETURN(const std::string nonce, SecretBytes(VmGreeting::kNonceBytes));
    HPCC_RETURN_IF_ERROR(Say(stream, VmGreeting::Kind::kHello, nonce));
    const auto until = std::min(end, steady_clock::now() + patience);
    const absl::Status answered = AwaitReady(stream, nonce, until, scanner);
    if (answered.ok()) {
      if (after == AfterGreeting::kPark) return answered;
      return Say(stream, VmGreeting::Kind::kStart, nonce);
    }
    if (!absl::IsDeadlineExceeded(answered) || until == end) return answered;
  }
}

}  // namespace hpcc
