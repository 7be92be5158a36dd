#include "worker/operator_server.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "base/frame.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{100};
constexpr milliseconds kRequestTime{5'000};
constexpr milliseconds kSendTime{10'000};
// To resume the sandbox, and for what a command printed and its reader has not taken when its own
// time is over.
constexpr milliseconds kBesideCommand{60'000};
constexpr milliseconds kBreath{50};  // while the machine is out of something

operators_v1::Response Answer(const absl::Status& status) {
  operators_v1::Response response;
  SetStatus(status, &response);
  return response;
}

void Send(Connection& connection, operators_v1::Response response) {
  response.set_protocol_version(kOperatorProtocolVersion);
  // Whoever has gone meanwhile misses nothing.
  SendOperatorFrame(connection, response, kSendTime).IgnoreError();
}

std::string_view StateOf(const PooledSandbox& sandbox) {
  if (sandbox.ending) return "ending";
  if (sandbox.starting) return "starting";
  return sandbox.suspended ? "suspended" : "running";
}

// Passes a command's streams on to a reader who may be slow, or gone.
class OutputSender {
 public:
  OutputSender(Connection& connection, const std::atomic<bool>& stopping, milliseconds time)
      : connection_(connection),
        stopping_(stopping),
        end_(std::chrono::steady_clock::now() + time) {}

  void Send(bool error, std::string_view data) {
    for (; !data.empty() && !over();
         data.remove_prefix(std::min(data.size(), kOperatorOutputBytes))) {
      operators_v1::Response response;
      response.set_protocol_version(kOperatorProtocolVersion);
      response.mutable_output()->set_error(error);
      response.mutable_output()->set_data(std::string(data.substr(0, kOperatorOutputBytes)));
      while (!over() && !connection_.WaitForRoom(kStep)) {
      }
      if (!over() && !SendOperatorFrame(connection_, response, kSendTime).ok()) gone_ = true;
    }
  }

  // Whether nobody waits for the command any more. Any thread may ask.
  bool over() const {
    return gone_ || stopping_ || connection_.IsHungUp() || std::chrono::steady_clock::now() >= end_;
  }

 private:
  Connection& connection_;
  const std::atomic<bool>& stopping_;
  const std::chrono::steady_clock::time_point end_;
  std::atomic<bool> gone_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<OperatorServer>> OperatorServer::Start(const std::string& socket,
                                                                      const Parts& parts) {
  const std::string folder(path::Dirname(socket));
  HPCC_RETURN_IF_ERROR(MakeDirectories(*parts.fs, folder, 0700));
  if (const absl::Status closed = CheckPrivateDirectory(folder); !closed.ok()) {
    return absl::FailedPreconditionError(
        StrCat("operator.socket: ", std::string(closed.message())));
  }
  HPCC_ASSIGN_OR_RETURN(Listener listener, Listener::OnUnixSocket(socket));
  return std::unique_ptr<OperatorServer>(new OperatorServer(socket, parts, std::move(listener)));
}

OperatorServer::OperatorServer(std::string socket, const Parts& parts, Listener listener)
    : socket_(std::move(socket)),
      parts_(parts),
      listener_(std::move(listener)),
      accepting_([this] { Accept(); }) {}

OperatorServer::~OperatorServer() {
  stopping_ = true;
  // Somebody comes, so that nobody waits for somebody to come.
  Connection::ToUnixSocket(socket_).status().IgnoreError();
  // While this one listens no other has put its own there.
  parts_.fs->Remove(socket_).IgnoreError();
  accepting_.join();
  std::unique_lock lock(mutex_);
  session_ended_.wait(lock, [this] { return sessions_ == 0; });
}

void OperatorServer::Accept() {
  while (!stopping_) {
    absl::StatusOr<Connection> connection = listener_.Accept();
    if (stopping_) return;
    if (connection.ok()) {
      StartSession(*std::move(connection));
    } else if (!absl::IsDeadlineExceeded(connection.status())) {
      Log(LogLevel::kWarning, std::string(connection.status().message()));
      std::this_thread::sleep_for(kBreath);
    }
  }
}

void OperatorServer::StartSession(Connection connection) {
  {
    const std::lock_guard lock(mutex_);
    if (sessions_ >= kMaxSessions) {
      return Send(connection, Answer(absl::ResourceExhaustedError("too many operators at once")));
    }
    ++sessions_;
  }
  const auto end = [this] {
    const std::lock_guard lock(mutex_);
    --sessions_;
    session_ended_.notify_all();
  };
  try {
    auto session = std::make_shared<Connection>(std::move(connection));
    std::thread([this, end, session = std::move(session)]() mutable {
      try {
        Serve(*session);
      } catch (const std::bad_alloc&) {
        Log(LogLevel::kWarning, "out of memory; an operator's connection is closed");
      }
      session.reset();
      end();
    }).detach();
  } catch (const std::exception& error) {  // no memory, or no more threads
    end();
    Log(LogLevel::kWarning, StrCat("no further operator: ", error.what()));
  }
}

absl::StatusOr<PeerCredentials> OperatorServer::Admit(const Connection& connection) {
  HPCC_ASSIGN_OR_RETURN(const PeerCredentials peer, connection.Peer());
  if (peer.user == geteuid() || peer.user == 0) return peer;
  parts_.events->Report(SecurityEvent::kOperatorRefused,
                        {.user = OperatorName(peer),
                         .peer = StrCat("pid:", peer.process),
                         .detail = "neither the worker's user nor root"});
  return absl::PermissionDeniedError("only the worker's own user and root may ask it");
}

void OperatorServer::Serve(Connection& connection) {
  const absl::StatusOr<PeerCredentials> peer = Admit(connection);
  if (!peer.ok()) return Send(connection, Answer(peer.status()));
  const absl::StatusOr<std::string> bytes =
      ReceiveFrame(connection, kMaxOperatorFrameBytes, kRequestTime);
  if (!bytes.ok()) return;
  const absl::StatusOr<operators_v1::Request> request = ParseOperatorRequest(*bytes);
  if (!request.ok()) return Send(connection, Answer(request.status()));
  if (request->protocol_version() != kOperatorProtocolVersion) {
    return Send(connection, Answer(absl::FailedPreconditionError(StrCat(
                                "this worker (hpcc ", HPCC_VERSION, ") speaks version ",
                                kOperatorProtocolVersion, " of the operators' protocol, not ",
                                request->protocol_version()))));
  }
  if (request->has_list()) return Send(connection, List());
  if (request->has_exec()) return Send(connection, RunExec(request->exec(), *peer, connection));
  Send(connection, Answer(absl::UnimplementedError("a request of no known kind")));
}

operators_v1::Response OperatorServer::List() const {
  operators_v1::Response response;
  operators_v1::Sandboxes& sandboxes = *response.mutable_sandboxes();
  for (const PooledSandbox& pooled : parts_.pool->List()) {
    operators_v1::SandboxState& state = *sandboxes.add_sandboxes();
    state.set_id(pooled.id);
    state.set_tenant(pooled.tenant);
    state.set_image(pooled.image);
    state.set_isolation(pooled.isolation);
    state.set_state(std::string(StateOf(pooled)));
    state.set_execs(pooled.execs);
    state.set_cpus(pooled.cpus);
    state.set_age_ns(pooled.age.count());
    state.set_idle_ns(pooled.unused.count());
  }
  return response;
}

operators_v1::Response OperatorServer::RunExec(const operators_v1::Exec& exec,
                                               const PeerCredentials& who, Connection& connection) {
  OperatorCommand command;
  command.sandbox = exec.sandbox();
  command.arguments.assign(exec.arguments().begin(), exec.arguments().end());
  command.wall = exec.wall_ms() == 0 ? kOperatorWall : milliseconds(exec.wall_ms());
  command.who = who;
  OutputSender sender(connection, stopping_,
                      parts_.commands->patience() + command.wall + kBesideCommand);
  command.stdio = [&sender](bool error, std::string_view data) { sender.Send(error, data); };
  command.cancelled = [&sender] { return sender.over(); };
  const absl::StatusOr<OperatorOutcome> outcome = parts_.commands->Run(command);
  if (!outcome.ok()) return Answer(outcome.status());
  operators_v1::Response response;
  operators_v1::Ended& ended = *response.mutable_ended();
  ended.set_job(outcome->job);
  ended.set_exit_status(outcome->exit_status);
  ended.set_why(outcome->why);
  return response;
}

}  // namespace hpcc
