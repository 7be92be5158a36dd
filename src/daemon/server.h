#ifndef HPCC_DAEMON_SERVER_H_
#define HPCC_DAEMON_SERVER_H_

// Threads that accept connections and hold conversations.
//
// Each thread accepts, serves and accepts again, so a request is never handed from one thread to
// another. There is always one more thread than conversations; beyond a limit it only
// turns away, which a wrapper takes as "work alone".

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "base/socket.h"
#include "daemon/conversation.h"
#include "daemon/daemon_state.h"

namespace hpcc {

class Server {
 public:
  // At a time. Over loopback anybody on the machine can connect, and has no token to show until
  // his first frame is read: few at a time bound what that costs.
  static constexpr int kMaxConversations = 256;
  static constexpr int kMaxLoopbackConversations = 16;

  // `state` outlives the object.
  Server(DaemonState& state, Listener listener, Transport transport);
  // Ends when all conversations have. Until then whoever comes is answered, if only that the daemon
  // is leaving.
  ~Server();

  // ResourceExhausted: no thread could be started.
  absl::Status Start();
  int conversations() const;

 private:
  // While it lives a thread is busy talking.
  class Talk {
   public:
    explicit Talk(Server& server);
    ~Talk();

   private:
    Server& server_;
  };

  bool StartThread();
  void Work();
  // False: this thread is one too many.
  bool AcceptOnce();
  void Serve(Connection connection);
  void MakeRoom();
  void RecoverFrom(const std::exception& error);

  const int max_conversations_;
  DaemonState& state_;
  Listener listener_;
  Transport transport_;
  std::atomic<bool> closing_ = false;
  mutable std::mutex mutex_;
  std::condition_variable all_left_;
  // All below are guarded by mutex_.
  int threads_ = 0;
  int talking_ = 0;
  Descriptor spare_;  // given up for a moment when no other descriptor is left
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_SERVER_H_
