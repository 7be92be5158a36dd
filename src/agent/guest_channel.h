#ifndef HPCC_AGENT_GUEST_CHANNEL_H_
#define HPCC_AGENT_GUEST_CHANNEL_H_

// The guest's end of sandbox/vm_channel.h: from a virtio-serial port, or a vsock connection, to the
// stream sockets that gRPC wants, one conversation after the other.

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

// Gets one end of a socket pair; HTTP/2 begins with the next byte there. Its close ends the
// conversation.
using ServeConversation = std::function<void(Descriptor stream)>;

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

// Both return when the worker is away, whatever was under way; for tests, `port` may be any
// non-blocking stream that reports POLLHUP.
//
// Answers greetings, and holds the conversation that one of them begins.
void ServePort(int port, const ServeConversation& serve);
// Holds one conversation, which begins with `first`, already read from the stream.
void HoldConversation(int stream, std::string first, const ServeConversation& serve);

}  // namespace hpcc

#endif  // HPCC_AGENT_GUEST_CHANNEL_H_
