#ifndef HPCC_AGENT_GUEST_CHANNEL_H_
#define HPCC_AGENT_GUEST_CHANNEL_H_

// The guest's end of sandbox/vm_channel.h: from a virtio-serial port, or a vsock connection, to the
// stream sockets that gRPC wants, one conversation after the other.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/vm_channel.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

// Gets one end of a socket pair; HTTP/2 begins with the next byte there. Its close ends the
// conversation.
using ServeConversation = std::function<void(Descriptor stream)>;

// Not thread-safe.
class GuestChannel {
 public:
  // Finds the port in /sys and /dev, or listens. Both may be gone afterwards.
  static absl::StatusOr<GuestChannel> Open(VmGuestSetup::Channel channel);

  // Serves one worker after the other. An error is one of the channel's own: it is of no use any
  // more.
  absl::Status Serve(const ServeConversation& serve);

 private:
  GuestChannel() = default;

  VmGuestSetup::Channel channel_ = VmGuestSetup::Channel::kSerial;
  Descriptor descriptor_;  // the port, or the listening socket
};

// Answers greetings on a port, and holds the conversation that one of them begins. What has been
// said so far of a greeting stays while a worker is away. For tests, the port may be any
// non-blocking stream.
class PortServer {
 public:
  PortServer(int port, ServeConversation serve) : port_(port), serve_(std::move(serve)) {}

  // Returns when the worker is away.
  void ServeWhileThere();

 private:
  // What was read after the worker's start; nothing: it is away.
  std::optional<std::string> AnswerGreetings();

  const int port_;
  const ServeConversation serve_;
  VmGreetingScanner scanner_;
  std::string ready_;  // the nonce of the last answer
};

// Holds one conversation, which begins with `first`, already read from the stream, and ends when
// the stream has been hung up for longer than `blink`.
void HoldConversation(int stream, std::string first, const ServeConversation& serve,
                      std::chrono::milliseconds blink);

}  // namespace hpcc

#endif  // HPCC_AGENT_GUEST_CHANNEL_H_
