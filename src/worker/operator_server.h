#ifndef HPCC_WORKER_OPERATOR_SERVER_H_
#define HPCC_WORKER_OPERATOR_SERVER_H_

// The Unix socket on which a worker answers its operators (worker/operator_protocol.h): the
// worker's own user and root, as the kernel says who it is. Each connection has a thread for as
// long as it lasts, and one request.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/socket.h"
#include "sandbox/sandbox_pool.h"
#include "telemetry/security_events.h"
#include "worker/operator_commands.h"
#include "worker/operator_protocol.h"

namespace hpcc {

class OperatorServer {
 public:
  // Connections at a time: more are refused.
  static constexpr int kMaxSessions = 32;

  // All outlive the server.
  struct Parts {
    SandboxPool* pool = nullptr;
    OperatorCommands* commands = nullptr;
    SecurityEvents* events = nullptr;
    FileSystem* fs = nullptr;
  };

  // Listens on `socket`, an absolute path. Its folder is made, with mode 0700, where there is none.
  // FailedPrecondition: the folder is another user's, or open to others. AlreadyExists: another
  // worker listens there.
  static absl::StatusOr<std::unique_ptr<OperatorServer>> Start(const std::string& socket,
                                                               const Parts& parts);
  // Ends the commands under way, and waits for that.
  ~OperatorServer();

 private:
  OperatorServer(std::string socket, const Parts& parts, Listener listener);

  void Accept();
  void StartSession(Connection connection);
  void Serve(Connection& connection);
  absl::StatusOr<PeerCredentials> Admit(const Connection& connection);
  operators_v1::Response List() const;
  operators_v1::Response RunExec(const operators_v1::Exec& exec, const PeerCredentials& who,
                                 Connection& connection);

  const std::string socket_;
  const Parts parts_;
  Listener listener_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable session_ended_;
  int sessions_ = 0;  // guarded by mutex_
  std::thread accepting_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_OPERATOR_SERVER_H_
