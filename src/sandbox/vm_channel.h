#ifndef HPCC_SANDBOX_VM_CHANNEL_H_
#define HPCC_SANDBOX_VM_CHANNEL_H_

// The byte stream between a worker and the agent in a virtual machine. However a driver opens it,
// what AgentClient gets is a connected stream socket on which HTTP/2 begins with the next byte.
//
//  - vsock: every connection is new at both ends. The agent listens on kAgentVsockPort; whoever is
//    connected (after Firecracker's "CONNECT port\n" and "OK n\n") hands the socket to AgentClient.
//  - a virtio-serial port named kAgentPortName: the port is there before any worker is and stays
//    when one goes, and what was under way when it went may lie in it still. So a conversation on
//    it begins with a greeting, and the worker speaks first:
//
//      message = magic , kind:u8 , nonce:16
//      magic   = ff ff ff ff 'h' 'p' 'v' 01
//      kind    = 1 hello (worker) | 2 ready (agent) | 3 start (worker)
//
//      worker: hello(n) ... until ready(n) comes ; start(n) ; HTTP/2
//      agent:  for each hello(n): ready(n) ; at start(n) of its last ready: HTTP/2
//
//    Everything that is no message is skipped until HTTP/2 begins. A hello without an answer is
//    said again with another nonce, so that nothing old can be taken for its answer; the magic
//    is no HTTP/2 frame (longer than any may be), so that a conversation it hits ends.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace hpcc {

inline constexpr std::string_view kAgentPortName = "hpcc.agent";
inline constexpr uint32_t kAgentVsockPort = 5252;

struct VmGreeting {
  enum class Kind : uint8_t { kHello = 1, kReady = 2, kStart = 3 };
  static constexpr size_t kNonceBytes = 16;

  Kind kind = Kind::kHello;
  std::string nonce;  // kNonceBytes

  friend bool operator==(const VmGreeting&, const VmGreeting&) = default;
};

std::string EncodeVmGreeting(const VmGreeting& greeting);

// Finds messages among other bytes. Holds no more than one message's bytes between calls.
class VmGreetingScanner {
 public:
  void Add(std::string_view bytes) { bytes_.append(bytes); }
  // The next message of what was added; nothing when it isn't whole yet.
  std::optional<VmGreeting> Next();
  // What follows the last message. The scanner is empty then.
  std::string TakeRest() { return std::exchange(bytes_, {}); }

 private:
  std::string bytes_;
};

enum class AfterGreeting : uint8_t {
  kTalk,  // HTTP/2 begins
  kPark,  // the agent goes on waiting for a greeting: nothing is under way in the guest
};

// Greets the agent at the other end of the connected socket `stream`. Returns within `bound`.
// Unavailable: the stream is over. DeadlineExceeded: no answer.
absl::Status GreetGuest(int stream, AfterGreeting after, std::chrono::milliseconds bound);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_CHANNEL_H_
