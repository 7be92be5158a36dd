#ifndef HPCC_BASE_SOCKET_H_
#define HPCC_BASE_SOCKET_H_

// Stream sockets between processes of one machine. Every wait has a bound, descriptors can travel
// along with bytes, and no call raises SIGPIPE.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// More descriptors than this in one message are an error at either end.
inline constexpr size_t kMaxDescriptorsPerMessage = 16;

// Who is at the other end of a Unix socket, as the kernel says.
struct PeerCredentials {
  uint32_t user = 0;
  int64_t process = 0;
};

// One end of a connection. Not thread-safe.
class Connection {
 public:
  explicit Connection(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  // NotFound: there is no such socket. Unavailable: nobody listens, or too many wait already. The
  // call itself never waits. `path` may be longer than a socket address has room for.
  static absl::StatusOr<Connection> ToUnixSocket(const std::string& path);
  static absl::StatusOr<Connection> ToLoopback(uint16_t port, std::chrono::milliseconds timeout);

  // Sends all of `data`; `descriptors` travel with its first byte, over Unix sockets only.
  // Unavailable: the other end is gone. DeadlineExceeded: it did not take `data` in time.
  absl::Status Send(std::string_view data, std::chrono::milliseconds timeout,
                    std::span<const int> descriptors = {});

  // Fills `data`. OutOfRange: the other end closed before the first byte. DataLoss: it closed
  // midway. DeadlineExceeded: the whole did not come in time. InvalidArgument: more descriptors
  // came along than anybody may send.
  absl::Status Receive(std::span<char> data, std::chrono::milliseconds timeout);

  // For those who speak something else on the socket from here on.
  Descriptor TakeDescriptor() { return std::move(descriptor_); }

  // The descriptors that came with what has been received, in order. At most
  // kMaxDescriptorsPerMessage are kept at a time.
  std::vector<Descriptor> TakeDescriptors() { return std::exchange(descriptors_, {}); }

  // Waits until something can be received, or the other end is gone. False: neither in time.
  bool WaitForInput(std::chrono::milliseconds timeout) const;
  // Waits until something can be sent, or the other end is gone. False: neither in time.
  bool WaitForRoom(std::chrono::milliseconds timeout) const;
  // Whether the other end has closed or died. Says so even when bytes wait to be received.
  bool IsHungUp() const;

  absl::StatusOr<PeerCredentials> Peer() const;
  // Whether whoever made the other end belongs to this process's user. Over Unix sockets only.
  bool PeerIsThisUser() const;

 private:
  Descriptor descriptor_;
  std::vector<Descriptor> descriptors_;
};

// Where connections arrive. Thread-safe: several threads may wait in Accept at once.
class Listener {
 public:
  // Binds `path`, replacing a socket that nobody listens on. AlreadyExists: somebody listens.
  static absl::StatusOr<Listener> OnUnixSocket(const std::string& path);
  // A free port of 127.0.0.1.
  static absl::StatusOr<Listener> OnLoopback();
  // A listening socket somebody else made, as systemd does.
  static absl::StatusOr<Listener> FromDescriptor(Descriptor descriptor);

  // DeadlineExceeded when nobody connected for half a second or so: the caller sees whether it
  // should go on. ResourceExhausted: this process, or the machine, is out of descriptors or memory.
  absl::StatusOr<Connection> Accept() const;

  uint16_t port() const { return port_; }  // 0 for a Unix socket

 private:
  explicit Listener(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  Descriptor descriptor_;
  uint16_t port_ = 0;
};

// Whether a process of this user listens on `port` of 127.0.0.1, as the kernel says: a port is
// anybody's to take once the program that had it is gone.
bool ThisUserListensOnLoopback(uint16_t port);

// The listening socket a service manager passed to this process (sd_listen_fds(3)). NotFound when
// there is none. Once only: the variables are not looked at again by children.
absl::StatusOr<Descriptor> PassedSocket();

}  // namespace hpcc

#endif  // HPCC_BASE_SOCKET_H_
