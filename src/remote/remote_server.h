#ifndef HPCC_REMOTE_REMOTE_SERVER_H_
#define HPCC_REMOTE_REMOTE_SERVER_H_

// Accepts connections, and gives each a thread for as long as it lasts.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/socket.h"
#include "remote/remote_state.h"

namespace hpcc {

class RemoteServer {
 public:
  // Connections at a time: more are closed at once, and whoever made them works without.
  static constexpr int kMaxSessions = 256;

  // `state` outlives it.
  RemoteServer(RemoteState& state, Listener listener);
  // Waits until all threads have noticed that the state is stopping, which it sees to.
  ~RemoteServer();

 private:
  void Accept();
  // False: there is no thread for it.
  bool StartSession(Connection connection);

  RemoteState& state_;
  Listener listener_;
  std::mutex mutex_;
  std::condition_variable session_ended_;
  int sessions_ = 0;  // guarded by mutex_
  std::thread accepting_;
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_SERVER_H_
