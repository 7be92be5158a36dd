#include "remote/remote_server.h"

#include <exception>
#include <memory>
#include <utility>

#include "base/logging.h"
#include "base/strings.h"
#include "remote/remote_session.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kBreath{50};  // while the machine is out of something

}  // namespace

RemoteServer::RemoteServer(RemoteState& state, Listener listener)
    : state_(state), listener_(std::move(listener)), accepting_([this] { Accept(); }) {}

RemoteServer::~RemoteServer() {
  state_.stopping = true;
  accepting_.join();
  std::unique_lock lock(mutex_);
  session_ended_.wait(lock, [this] { return sessions_ == 0; });
}

void RemoteServer::Accept() {
  while (!state_.stopping) {
    absl::StatusOr<Connection> connection = listener_.Accept();
    if (connection.ok()) {
      if (!StartSession(*std::move(connection))) state_.clock.Sleep(kBreath);
    } else if (!absl::IsDeadlineExceeded(connection.status())) {
      Log(LogLevel::kWarning, std::string(connection.status().message()));
      state_.clock.Sleep(kBreath);
    }
  }
}

bool RemoteServer::StartSession(Connection connection) {
  {
    const std::lock_guard lock(mutex_);
    if (sessions_ >= kMaxSessions) return true;  // closed, and that is all
    ++sessions_;
  }
  const auto end = [this] {
    const std::lock_guard lock(mutex_);
    --sessions_;
    session_ended_.notify_all();
  };
  try {
    auto session = std::make_shared<RemoteSession>(state_, std::move(connection));
    std::thread([end, session = std::move(session)]() mutable {
      try {
        session->Run();
      } catch (const std::bad_alloc&) {  // a value too large for this machine: one connection
        Log(LogLevel::kWarning, "out of memory; a connection is closed");
      }
      session.reset();
      end();
    }).detach();
    return true;
  } catch (const std::exception& error) {  // no memory, or no more threads
    end();
    Log(LogLevel::kWarning, StrCat("no further connection: ", error.what()));
    return false;
  }
}

}  // namespace hpcc
