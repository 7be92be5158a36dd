#include "daemon/server.h"

#include <chrono>
#include <exception>
#include <thread>

#include "base/logging.h"
#include "base/posix_descriptor.h"
#include "base/strings.h"
#include "base/working_directory.h"

namespace hpcc {

namespace {

constexpr int kIdleThreads = 4;  // more than this many go when there is nothing to do
constexpr std::chrono::milliseconds kBreath{20};

}  // namespace

Server::Server(DaemonState& state, Listener listener, Transport transport)
    : max_conversations_(transport == Transport::kUnix ? kMaxConversations
                                                       : kMaxLoopbackConversations),
      state_(state),
      listener_(std::move(listener)),
      transport_(transport) {}

Server::~Server() {
  state_.stopping = true;
  closing_ = true;
  std::unique_lock lock(mutex_);
  all_left_.wait(lock, [&] { return threads_ == 0; });
}

absl::Status Server::Start() {
  if (absl::StatusOr<Descriptor> spare = OpenReadOnly("/dev/null"); spare.ok()) {
    spare_ = *std::move(spare);
  }
  if (!StartThread()) return absl::ResourceExhaustedError("no thread could be started");
  return absl::OkStatus();
}

int Server::conversations() const {
  const std::lock_guard lock(mutex_);
  return talking_;
}

bool Server::StartThread() {
  {
    const std::lock_guard lock(mutex_);
    ++threads_;
  }
  try {
    std::thread([this] { Work(); }).detach();
    return true;
  } catch (const std::exception& error) {  // no memory, or no more threads
    const std::lock_guard lock(mutex_);
    --threads_;
    Log(LogLevel::kWarning, StrCat("no further thread: ", error.what()));
    return false;
  }
}

void Server::Work() {
  const absl::Status separated = SeparateWorkingDirectory();
  if (!separated.ok()) {
    Log(LogLevel::kError, std::string(separated.message()));
    state_.stopping = true;
    closing_ = true;
  }
  bool needed = true;
  // While the daemon leaves, whoever comes is told so at once.
  while (!closing_ && needed) {
    try {
      needed = AcceptOnce();
    } catch (const std::exception& error) {  // no memory, above all
      RecoverFrom(error);
    }
  }
  // Notified under the lock: the destructor must not end before this thread is through with it.
  const std::lock_guard lock(mutex_);
  --threads_;
  all_left_.notify_all();
}

bool Server::AcceptOnce() {
  absl::StatusOr<Connection> connection = listener_.Accept();
  if (absl::IsResourceExhausted(connection.status())) {
    MakeRoom();
    return true;
  }
  if (!connection.ok()) {
    const std::lock_guard lock(mutex_);
    return threads_ - talking_ <= kIdleThreads;
  }
  bool alone;
  bool too_many;
  {
    const std::lock_guard lock(mutex_);
    alone = talking_ + 1 >= threads_;
    too_many = talking_ >= max_conversations_;
  }
  // Somebody must go on accepting while this thread talks.
  if (!too_many && alone) too_many = !StartThread();
  const Talk talk(*this);
  if (too_many) {
    Conversation(state_, *std::move(connection), transport_).TurnAway("the daemon is busy");
  } else {
    Serve(*std::move(connection));
  }
  return true;
}

Server::Talk::Talk(Server& server) : server_(server) {
  const std::lock_guard lock(server_.mutex_);
  ++server_.talking_;
}

Server::Talk::~Talk() {
  const std::lock_guard lock(server_.mutex_);
  --server_.talking_;
}

// The conversation is lost and its wrapper works alone; memory that only saves time is given back.
void Server::RecoverFrom(const std::exception& error) {
  state_.hot_units.DropAll();
  try {
    Log(LogLevel::kWarning, error.what());
  } catch (const std::exception&) {  // not even memory to say so
  }
  std::this_thread::sleep_for(kBreath);
}

void Server::Serve(Connection connection) {
  Conversation(state_, std::move(connection), transport_).Run();
  // The caller's directory is not kept busy any longer than needed.
  EnterDirectory("/").IgnoreError();
}

// Out of descriptors: who waits in the queue is better told so than left waiting.
void Server::MakeRoom() {
  const std::lock_guard lock(mutex_);
  spare_.Reset();
  const absl::StatusOr<Connection> dropped = listener_.Accept();
  if (absl::StatusOr<Descriptor> spare = OpenReadOnly("/dev/null"); spare.ok()) {
    spare_ = *std::move(spare);
  }
  Log(LogLevel::kWarning, "out of descriptors: a connection was dropped");
  std::this_thread::sleep_for(kBreath);
}

}  // namespace hpcc
