#ifndef HPCC_DAEMON_CONVERSATION_H_
#define HPCC_DAEMON_CONVERSATION_H_

// One connection, from its first frame to its end. Whoever is at the other end is not trusted: what
// breaks the protocol costs this connection and is logged as a security event.

#include <memory>
#include <optional>
#include <string>

#include "base/socket.h"
#include "client/daemon_protocol.h"
#include "daemon/daemon_state.h"
#include "daemon/shared_compile.h"

namespace hpcc {

enum class Transport : uint8_t { kUnix, kLoopback };

class Conversation {
 public:
  // `state` outlives the object.
  Conversation(DaemonState& state, Connection connection, Transport transport)
      : state_(state), connection_(std::move(connection)), transport_(transport) {}

  // The calling thread has a working directory of its own.
  void Run();

  // Says that there is no time for a conversation, and ends it.
  void TurnAway(std::string_view reason);

 private:
  bool PeerIsThisUser();
  std::optional<daemon_v1::Request> Receive(std::chrono::milliseconds timeout);
  bool TokenIsRight(const daemon_v1::Request& request);

  void AnswerLookUp(daemon_v1::LookUp* look_up);
  SharedCompile::Found LookUp(SharedCompile& compile);
  // Waits until `holder` has gone or has been waited for long enough. False: the other end of this
  // connection has gone.
  bool WaitFor(SharedCompile& compile, const LeaseTable::Holder& holder);
  // Answers with what is held in memory, if it still holds. False: it does not, or nothing is held.
  bool AnswerFromMemory(SharedCompile& compile);
  // False: the other end did not get it.
  bool SendHit(const HotUnit& hit, daemon_v1::Hit answer);
  // Until what the wrapper compiled is kept, or it has gone; the caller holds the lease.
  void ServeLease(SharedCompile& compile, const Lookup& lookup);
  void AnswerStatus();
  void Refuse(std::string_view reason);
  void StayAlone(std::string_view reason, bool compiler_unknown = false);
  bool Send(daemon_v1::Response* response, std::span<const int> descriptors = {});

  DaemonState& state_;
  Connection connection_;
  Transport transport_;
  int64_t peer_process_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_CONVERSATION_H_
