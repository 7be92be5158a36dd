#include "base/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int kBacklog = 256;
constexpr timeval kAcceptWait{.tv_sec = 0, .tv_usec = 500'000};

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds timeout)
      : at_(std::chrono::steady_clock::now() + timeout) {}

  // Waits for `events` on `descriptor`.
  absl::Status WaitFor(int descriptor, short events) const {
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          at_ - std::chrono::steady_clock::now());
      if (left.count() < 0) return absl::DeadlineExceededError("the other end is too slow");
      pollfd poll_descriptor = {descriptor, events, 0};
      const int ready = poll(&poll_descriptor, 1, static_cast<int>(left.count()) + 1);
      if (ready > 0) return absl::OkStatus();
      if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll", "a socket");
    }
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

// Room for the control message that carries descriptors.
union ControlBuffer {
  char bytes[CMSG_SPACE(sizeof(int) * kMaxDescriptorsPerMessage)];
  cmsghdr alignment;
};

void AttachDescriptors(std::span<const int> descriptors, ControlBuffer* buffer, msghdr* message) {
  if (descriptors.empty()) return;
  message->msg_control = buffer->bytes;
  message->msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
}

// Takes over whatever descriptors came with `message`, also those that will be refused.
std::vector<Descriptor> DetachDescriptors(msghdr* message) {
  std::vector<Descriptor> descriptors;
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr;
       header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      descriptors.emplace_back(descriptor);
    }
  }
  return descriptors;
}

// An address has room for some 100 bytes; a longer path is reached through its directory's
// descriptor, which must stay open while the address is used.
struct UnixAddress {
  sockaddr_un address = {};
  Descriptor directory;

  static absl::StatusOr<UnixAddress> Of(const std::string& path) {
    UnixAddress result;
    result.address.sun_family = AF_UNIX;
    std::string name = path;
    if (name.size() >= sizeof result.address.sun_path) {
      const std::string parent(path::Dirname(path));
      result.directory = Descriptor(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!result.directory.valid()) return ErrnoStatus(errno, "open", parent);
      name = StrCat("/proc/self/fd/", result.directory.get(), "/", path::Basename(path));
      if (name.size() >= sizeof result.address.sun_path) {
        return absl::InvalidArgumentError(StrCat(path, ": the name of the socket is too long"));
      }
    }
    std::memcpy(result.address.sun_path, name.data(), name.size());
    return result;
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

sockaddr_in LoopbackAddress(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

absl::StatusOr<Descriptor> NewSocket(int family, int flags) {
  Descriptor descriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!descriptor.valid()) return ErrnoStatus(errno, "socket", "");
  return descriptor;
}

absl::Status Listen(const Descriptor& descriptor, std::string_view name) {
  if (listen(descriptor.get(), kBacklog) != 0) return ErrnoStatus(errno, "listen", name);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Connection> Connection::ToUnixSocket(const std::string& path) {
  HPCC_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(path));
  HPCC_ASSIGN_OR_RETURN(Descriptor descriptor, NewSocket(AF_UNIX, SOCK_NONBLOCK));
  if (connect(descriptor.get(), address.get(), sizeof address.address) != 0) {
    if (errno == ECONNREFUSED || errno == EAGAIN) return absl::UnavailableError(path);
    return ErrnoStatus(errno, "connect", path);
  }
  return Connection(std::move(descriptor));
}

absl::StatusOr<Connection> Connection::ToLoopback(uint16_t port,
                                                  std::chrono::milliseconds timeout) {
  HPCC_ASSIGN_OR_RETURN(Descriptor descriptor, NewSocket(AF_INET, SOCK_NONBLOCK));
  const sockaddr_in address = LoopbackAddress(port);
  if (connect(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EINPROGRESS) return absl::UnavailableError(StrCat("port ", port));
    HPCC_RETURN_IF_ERROR(Deadline(timeout).WaitFor(descriptor.get(), POLLOUT));
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(descriptor.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return absl::UnavailableError(StrCat("port ", port));
  }
  return Connection(std::move(descriptor));
}

absl::Status Connection::Send(std::string_view data, std::chrono::milliseconds timeout,
                              std::span<const int> descriptors) {
  if (descriptors.size() > kMaxDescriptorsPerMessage) {
    return absl::InvalidArgumentError("too many descriptors");
  }
  const Deadline deadline(timeout);
  while (!data.empty()) {
    iovec vector = {const_cast<char*>(data.data()), data.size()};
    msghdr message = {};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    ControlBuffer control;
    AttachDescriptors(descriptors, &control, &message);
    const ssize_t sent = sendmsg(descriptor_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      data.remove_prefix(static_cast<size_t>(sent));
      descriptors = {};
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      HPCC_RETURN_IF_ERROR(deadline.WaitFor(descriptor_.get(), POLLOUT));
    } else if (errno != EINTR) {
      return absl::UnavailableError(std::strerror(errno));
    }
  }
  return absl::OkStatus();
}

absl::Status Connection::Receive(std::span<char> data, std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  const size_t wanted = data.size();
  while (!data.empty()) {
    iovec vector = {data.data(), data.size()};
    msghdr message = {};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    ControlBuffer control;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const ssize_t received = recvmsg(descriptor_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        HPCC_RETURN_IF_ERROR(deadline.WaitFor(descriptor_.get(), POLLIN));
      } else if (errno != EINTR) {
        return absl::DataLossError(std::strerror(errno));
      }
      continue;
    }
    for (Descriptor& descriptor : DetachDescriptors(&message)) {
      descriptors_.push_back(std::move(descriptor));
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0 || descriptors_.size() > kMaxDescriptorsPerMessage) {
      return absl::InvalidArgumentError("too many descriptors");
    }
    if (received == 0) {
      if (data.size() == wanted) return absl::OutOfRangeError("the other end closed");
      return absl::DataLossError("the other end closed midway");
    }
    data = data.subspan(static_cast<size_t>(received));
  }
  return absl::OkStatus();
}

bool Connection::WaitForInput(std::chrono::milliseconds timeout) const {
  return Deadline(timeout).WaitFor(descriptor_.get(), POLLIN).ok();
}

bool Connection::WaitForRoom(std::chrono::milliseconds timeout) const {
  return Deadline(timeout).WaitFor(descriptor_.get(), POLLOUT).ok();
}

bool Connection::IsHungUp() const {
  pollfd poll_descriptor = {descriptor_.get(), POLLRDHUP, 0};
  return poll(&poll_descriptor, 1, 0) > 0;
}

absl::StatusOr<PeerCredentials> Connection::Peer() const {
  ucred credentials = {};
  socklen_t size = sizeof credentials;
  if (getsockopt(descriptor_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoStatus(errno, "getsockopt", "SO_PEERCRED");
  }
  return PeerCredentials{credentials.uid, credentials.pid};
}

bool Connection::PeerIsThisUser() const {
  const absl::StatusOr<PeerCredentials> peer = Peer();
  return peer.ok() && peer->user == geteuid();
}

bool ThisUserListensOnLoopback(uint16_t port) {
  std::ifstream sockets("/proc/net/tcp");
  std::string line;
  while (std::getline(sockets, line)) {
    // "sl: local_address:port remote_address:port state queues timer:when retransmits uid …", the
    // addresses as the processor has them, in hex.
    unsigned address = 0;
    unsigned local_port = 0;
    unsigned state = 0;
    unsigned user = 0;
    if (std::sscanf(line.c_str(), "%*u: %8X:%4X %*8X:%*4X %2X %*8X:%*8X %*2X:%*8X %*8X %u",
                    &address, &local_port, &state, &user) != 4) {
      continue;
    }
    if (address == htonl(INADDR_LOOPBACK) && local_port == port && state == TCP_LISTEN) {
      return user == geteuid();
    }
  }
  return false;
}

absl::StatusOr<Listener> Listener::OnUnixSocket(const std::string& path) {
  if (Connection::ToUnixSocket(path).ok()) {
    return absl::AlreadyExistsError(StrCat(path, ": somebody listens already"));
  }
  HPCC_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(path));
  HPCC_ASSIGN_OR_RETURN(Descriptor descriptor, NewSocket(AF_UNIX, 0));
  unlink(address.address.sun_path);
  if (bind(descriptor.get(), address.get(), sizeof address.address) != 0) {
    return ErrnoStatus(errno, "bind", path);
  }
  if (chmod(address.address.sun_path, 0600) != 0) return ErrnoStatus(errno, "chmod", path);
  HPCC_RETURN_IF_ERROR(Listen(descriptor, path));
  return FromDescriptor(std::move(descriptor));
}

absl::StatusOr<Listener> Listener::OnLoopback() {
  HPCC_ASSIGN_OR_RETURN(Descriptor descriptor, NewSocket(AF_INET, 0));
  sockaddr_in address = LoopbackAddress(0);
  if (bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ErrnoStatus(errno, "bind", "127.0.0.1");
  }
  HPCC_RETURN_IF_ERROR(Listen(descriptor, "127.0.0.1"));
  HPCC_ASSIGN_OR_RETURN(Listener listener, FromDescriptor(std::move(descriptor)));
  socklen_t size = sizeof address;
  if (getsockname(listener.descriptor_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return ErrnoStatus(errno, "getsockname", "127.0.0.1");
  }
  listener.port_ = ntohs(address.sin_port);
  return listener;
}

absl::StatusOr<Listener> Listener::FromDescriptor(Descriptor descriptor) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(descriptor.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
    return ErrnoStatus(errno, "getsockopt", "SO_ACCEPTCONN");
  }
  if (listening == 0) return absl::InvalidArgumentError("the socket does not listen");
  // accept() honours the bound on receiving.
  if (setsockopt(descriptor.get(), SOL_SOCKET, SO_RCVTIMEO, &kAcceptWait, sizeof kAcceptWait) !=
      0) {
    return ErrnoStatus(errno, "setsockopt", "SO_RCVTIMEO");
  }
  return Listener(std::move(descriptor));
}

absl::StatusOr<Descriptor> PassedSocket() {
  constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
  const char* process = getenv("LISTEN_PID");
  const char* count = getenv("LISTEN_FDS");
  if (process == nullptr || count == nullptr || StrCat(getpid()) != process ||
      std::string_view(count) != "1") {
    return absl::NotFoundError("no socket was passed");
  }
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  if (fcntl(kFirstPassed, F_SETFD, FD_CLOEXEC) != 0) {
    return ErrnoStatus(errno, "fcntl", "the passed socket");
  }
  return Descriptor(kFirstPassed);
}

absl::StatusOr<Connection> Listener::Accept() const {
  const int accepted = accept4(descriptor_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted >= 0) return Connection(Descriptor(accepted));
  switch (errno) {
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
      return absl::DeadlineExceededError("nobody connected");
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return absl::ResourceExhaustedError(std::strerror(errno));
    default:
      return ErrnoStatus(errno, "accept", "");
  }
}

}  // namespace hpcc
