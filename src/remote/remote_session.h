#ifndef HPCC_REMOTE_REMOTE_SESSION_H_
#define HPCC_REMOTE_REMOTE_SESSION_H_

// hpcc-remote's side of one connection. Nothing that comes over it is trusted but that the kernel
// says it is this user's: what isn't a request in its turn, within the limits, ends the connection
// and is a security event.

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "base/socket.h"
#include "remote/remote_protocol.h"
#include "remote/remote_state.h"

namespace hpcc {

class RemoteSession {
 public:
  // `state` outlives it.
  RemoteSession(RemoteState& state, Connection connection)
      : state_(state), connection_(std::move(connection)) {}

  // Until the other end closes, breaks the protocol, or the program is stopping.
  void Run();

 private:
  bool WaitForRequest();
  std::optional<remote_v1::Request> Receive();
  // False: the connection is over.
  bool Serve(const remote_v1::Request& request);
  // What the connection is open for, as its files are now.
  void LookAgain();
  bool ServeOpened(const remote_v1::Request& request, RemoteTier& tier);
  bool ServeGet(const remote_v1::Get& get, RemoteTier& tier);
  bool ServeExists(const StoreKey& key, RemoteTier& tier);
  bool ServePut(const remote_v1::Put& put);
  bool ServeList(StoreNamespace ns, RemoteTier& tier);
  bool ServeStatus();
  bool ServeCompile(const remote_v1::Compile& compile);
  bool Answer(const absl::Status& status);
  bool Send(remote_v1::Response* response, std::string_view value = {});

  RemoteState& state_;
  Connection connection_;
  // What the connection is open for; nothing before the Open. A program keeps its connections for
  // as long as it is busy, and files with secrets change.
  remote_v1::Open open_;
  int64_t looked_ns_ = 0;  // monotonic
  std::optional<absl::StatusOr<std::shared_ptr<RemoteTier>>> tier_;
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_SESSION_H_
