#include "agent/guest_channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>
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
// A resumed guest hears that the worker of before is away after it has read what the one of now
// says, and only then that this one is there: a port can be hung up for a moment in the middle of a
// conversation that nobody has left.
constexpr std::chrono::milliseconds kBlink{1000};
constexpr std::chrono::milliseconds kBetweenLooks{2};
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

// Whether a port that is hung up is so only for a moment.
bool ComesBack(int port, std::chrono::milliseconds blink) {
  const auto end = std::chrono::steady_clock::now() + blink;
  while (IsAway(port)) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return true;
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

// Until either end is over, the stream's for longer than `blink`. What is still on its way is
// nobody's any more then.
void Pump(int stream, int server, std::string_view first, std::chrono::milliseconds blink) {
  Flow in(stream, server);
  Flow out(server, stream);
  in.Put(first);
  for (;;) {
    pollfd ends[2] = {{stream, EventsFor(in, out), 0}, {server, EventsFor(out, in), 0}};
    if (poll(ends, 2, -1) < 0) continue;
    if ((ends[0].revents & (POLLHUP | POLLERR)) != 0) {
      if (!ComesBack(stream, blink)) return;
      continue;
    }
    // Something may be left to read from a server that has said its last word.
    if ((ends[1].revents & (POLLHUP | POLLERR)) != 0 && (ends[1].revents & POLLIN) == 0) return;
    if (in.empty() && (ends[0].revents & POLLIN) != 0 && !in.Read()) return;
    if (out.empty() && (ends[1].revents & POLLIN) != 0 && !out.Read()) return;
    if (!in.empty() && !in.Write()) return;
    if (!out.empty() && !out.Write()) return;
  }
}

// Waits for room, and for a worker to be there: these are a few bytes. False: the port is no more.
bool SendGreeting(int port, const VmGreeting& greeting) {
  const std::string message = EncodeVmGreeting(greeting);
  size_t sent = 0;
  while (sent < message.size()) {
    const ssize_t written = write(port, message.data() + sent, message.size() - sent);
    if (written > 0) sent += static_cast<size_t>(written);
    if (written >= 0) continue;
    if (!WouldWait(errno)) return false;
    pollfd state{port, POLLOUT, 0};
    if (poll(&state, 1, -1) > 0 && (state.revents & POLLHUP) != 0 && !AwaitWorker(port).ok()) {
      return false;
    }
  }
  return true;
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

void HoldConversation(int stream, std::string first, const ServeConversation& serve,
                      std::chrono::milliseconds blink) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return;
  const Descriptor ours(ends[0]);
  serve(Descriptor(ends[1]));
  Pump(stream, ours.get(), first, blink);
}

std::optional<std::string> PortServer::AnswerGreetings() {
  for (;;) {
    while (std::optional<VmGreeting> greeting = scanner_.Next()) {
      if (greeting->kind == VmGreeting::Kind::kHello) {
        ready_ = greeting->nonce;
        if (!SendGreeting(port_, {VmGreeting::Kind::kReady, ready_})) return std::nullopt;
      } else if (greeting->kind == VmGreeting::Kind::kStart && greeting->nonce == ready_) {
        ready_.clear();
        return scanner_.TakeRest();
      }
    }
    pollfd state{port_, POLLIN, 0};
    if (poll(&state, 1, -1) < 0) continue;
    // A worker's first words may be here before the word that it is.
    if ((state.revents & POLLIN) == 0) return std::nullopt;
    char buffer[4096];
    const ssize_t got = read(port_, buffer, sizeof(buffer));
    if (got == 0 || (got < 0 && !WouldWait(errno))) return std::nullopt;
    if (got > 0) scanner_.Add({buffer, static_cast<size_t>(got)});
  }
}

void PortServer::ServeWhileThere() {
  while (std::optional<std::string> first = AnswerGreetings()) {
    HoldConversation(port_, *std::move(first), serve_, kBlink);
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
  PortServer port(descriptor_.get(), serve);
  for (;;) {
    if (channel_ == VmGuestSetup::Channel::kSerial) {
      HPCC_RETURN_IF_ERROR(AwaitWorker(descriptor_.get()));
      port.ServeWhileThere();
      continue;
    }
    const Descriptor connection(
        accept4(descriptor_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) {
      HoldConversation(connection.get(), "", serve, std::chrono::milliseconds(0));
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return ErrnoStatus(errno, "accept", "a vsock connection");
    }
  }
}

}  // namespace hpcc
