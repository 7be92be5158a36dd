#include "agent/guest_channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/vm_channel.h"

namespace hpcc {

namespace {

constexpr size_t kBufferBytes = size_t{64} << 10;
// How long a missed word that the worker is back could cost.
constexpr int kLookAgainMilliseconds = 1000;
constexpr char kPorts[] = "/sys/class/virtio-ports";

bool WouldWait(int error) {
  return error == EAGAIN || error == EINTR;
}

bool IsAway(int port) {
  pollfd state{port, 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

// A port whose worker is away is always ready for poll(2): only a change is worth waking up for.
absl::Status AwaitWorker(int port) {
  const Descriptor changes(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {}};
  if (!changes.valid() || epoll_ctl(changes.get(), EPOLL_CTL_ADD, port, &event) != 0) {
    return ErrnoStatus(errno, "watch", kAgentPortName);
  }
  while (IsAway(port)) epoll_wait(changes.get(), &event, 1, kLookAgainMilliseconds);
  return absl::OkStatus();
}

// Bytes on their way from one descriptor to another.
class Flow {
 public:
  Flow(int from, int to) : from_(from), to_(to), buffer_(kBufferBytes) {}

  void Put(std::string_view bytes) {
    std::copy(bytes.begin(), bytes.end(), buffer_.begin());
    begin_ = 0;
    end_ = bytes.size();
  }
  bool empty() const { return begin_ == end_; }
  // Both: false at the end of the stream.
  bool Read() {
    const ssize_t got = read(from_, buffer_.data(), buffer_.size());
    if (got < 0) return WouldWait(errno);
    begin_ = 0;
    end_ = static_cast<size_t>(got);
    return got > 0;
  }
  bool Write() {
    const ssize_t written = write(to_, buffer_.data() + begin_, end_ - begin_);
    if (written < 0) return WouldWait(errno);
    begin_ += static_cast<size_t>(written);
    return true;
  }

 private:
  const int from_;
  const int to_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

short EventsFor(const Flow& in, const Flow& out) {
  return static_cast<short>((in.empty() ? POLLIN : 0) | (out.empty() ? 0 : POLLOUT));
}

// Until either end is over. What is still on its way is nobody's any more then.
void Pump(int stream, int server, std::string_view first) {
  Flow in(stream, server);
  Flow out(server, stream);
  in.Put(first);
  for (;;) {
    pollfd ends[2] = {{stream, EventsFor(in, out), 0}, {server, EventsFor(out, in), 0}};
    if (poll(ends, 2, -1) < 0) continue;
    for (const pollfd& end : ends) {
      // Something may be left to read from a server that has said its last word.
      if ((end.revents & (POLLERR | POLLNVAL)) != 0) return;
      if ((end.revents & POLLHUP) != 0 && (end.revents & POLLIN) == 0) return;
    }
    if (in.empty() && (ends[0].revents & POLLIN) != 0 && !in.Read()) return;
    if (out.empty() && (ends[1].revents & POLLIN) != 0 && !out.Read()) return;
    if (!in.empty() && !in.Write()) return;
    if (!out.empty() && !out.Write()) return;
    if ((ends[0].revents & POLLHUP) != 0) return;
  }
}

// Waits for room: these are a few bytes.
bool SendGreeting(int port, const VmGreeting& greeting) {
  const std::string message = EncodeVmGreeting(greeting);
  size_t sent = 0;
  while (sent < message.size()) {
    const ssize_t written = write(port, message.data() + sent, message.size() - sent);
    if (written > 0) sent += static_cast<size_t>(written);
    if (written >= 0) continue;
    pollfd state{port, POLLOUT, 0};
    if (!WouldWait(errno) || poll(&state, 1, -1) < 0 || (state.revents & POLLHUP) != 0) {
      return false;
    }
  }
  return true;
}

// What was read after the worker's start; nothing: it went away.
std::optional<std::string> AnswerGreetings(int port) {
  VmGreetingScanner scanner;
  std::string ready;  // the nonce of the last answer
  for (;;) {
    while (std::optional<VmGreeting> greeting = scanner.Next()) {
      if (greeting->kind == VmGreeting::Kind::kHello) {
        ready = greeting->nonce;
        if (!SendGreeting(port, {VmGreeting::Kind::kReady, ready})) return std::nullopt;
      } else if (greeting->kind == VmGreeting::Kind::kStart && greeting->nonce == ready) {
        return scanner.TakeRest();
      }
    }
    pollfd state{port, POLLIN, 0};
    if (poll(&state, 1, -1) < 0) continue;
    if ((state.revents & (POLLHUP | POLLERR)) != 0) return std::nullopt;
    char buffer[4096];
    const ssize_t got = read(port, buffer, sizeof(buffer));
    if (got == 0 || (got < 0 && !WouldWait(errno))) return std::nullopt;
    if (got > 0) scanner.Add({buffer, static_cast<size_t>(got)});
  }
}

absl::StatusOr<Descriptor> OpenPort() {
  const std::unique_ptr<DIR, int (*)(DIR*)> ports(opendir(kPorts), closedir);
  if (ports == nullptr) return ErrnoStatus(errno, "open", kPorts);
  while (const dirent* entry = readdir(ports.get())) {
    const Descriptor file(
        open(StrCat(kPorts, "/", entry->d_name, "/name").c_str(), O_RDONLY | O_CLOEXEC));
    char text[64];
    const ssize_t got = file.valid() ? read(file.get(), text, sizeof(text)) : 0;
    if (got <= 0 || StripBlanks({text, static_cast<size_t>(got)}) != kAgentPortName) continue;
    Descriptor port(open(StrCat("/dev/", entry->d_name).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!port.valid()) return ErrnoStatus(errno, "open", StrCat("/dev/", entry->d_name));
    return port;
  }
  return absl::NotFoundError(StrCat("guest: there is no port ", kAgentPortName));
}

absl::StatusOr<Descriptor> ListenOnVsock() {
  Descriptor listener(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return ErrnoStatus(errno, "create", "a vsock socket");
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = kAgentVsockPort;
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener.get(), SOMAXCONN) != 0) {
    return ErrnoStatus(errno, "listen on", "a vsock port");
  }
  return listener;
}

}  // namespace

void HoldConversation(int stream, std::string first, const ServeConversation& serve) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return;
  const Descriptor ours(ends[0]);
  serve(Descriptor(ends[1]));
  Pump(stream, ours.get(), first);
}

void ServePort(int port, const ServeConversation& serve) {
  for (;;) {
    std::optional<std::string> first = AnswerGreetings(port);
    if (!first) return;
    HoldConversation(port, *std::move(first), serve);
    if (IsAway(port)) return;
  }
}

absl::StatusOr<GuestChannel> GuestChannel::Open(VmGuestSetup::Channel channel) {
  GuestChannel result;
  result.channel_ = channel;
  HPCC_ASSIGN_OR_RETURN(result.descriptor_,
                        channel == VmGuestSetup::Channel::kSerial ? OpenPort() : ListenOnVsock());
  return result;
}

absl::Status GuestChannel::Serve(const ServeConversation& serve) {
  for (;;) {
    if (channel_ == VmGuestSetup::Channel::kSerial) {
      HPCC_RETURN_IF_ERROR(AwaitWorker(descriptor_.get()));
      ServePort(descriptor_.get(), serve);
      continue;
    }
    const Descriptor connection(
        accept4(descriptor_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) {
      HoldConversation(connection.get(), "", serve);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return ErrnoStatus(errno, "accept", "a vsock connection");
    }
  }
}

}  // namespace hpcc
