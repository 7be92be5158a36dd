#include "admin/operator_channel.h"

#include <utility>

#include "base/frame.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "worker/worker_config.h"

namespace hpcc {

namespace {

constexpr std::string_view kUsualConfig = "/etc/hpcc/worker.toml";
constexpr std::chrono::milliseconds kFrameTime{10'000};  // of what is sent, or has begun to come

absl::Status NoWorker(const std::string& socket, const absl::Status& status) {
  if (absl::IsNotFound(status) || absl::IsUnavailable(status)) {
    return absl::UnavailableError(StrCat("no worker answers at ", socket, ": is it running?"));
  }
  if (absl::IsPermissionDenied(status)) {
    return absl::PermissionDeniedError(
        StrCat(socket, ": only the worker's own user and root may ask it"));
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> WorkerSocket(const CommandContext& context,
                                         const ParsedOptions& options) {
  if (const std::optional<std::string> socket = options.Value(kWorkerSocketOption.name)) {
    return path::Join(context.cwd, *socket);
  }
  std::string file(kUsualConfig);
  if (const std::optional<std::string> config = options.Value(kWorkerConfigOption.name)) {
    file = path::Join(context.cwd, *config);
  } else if (!FileExists(context.fs, file)) {
    return absl::InvalidArgumentError(
        StrCat("which worker? --config names its configuration, or --socket its socket; there is "
               "no ",
               file));
  }
  const absl::StatusOr<WorkerConfig> config =
      LoadWorkerConfig(context.fs, file, context.environment);
  if (!config.ok()) return absl::InvalidArgumentError(std::string(config.status().message()));
  return OperatorSocket(*config);
}

absl::StatusOr<Connection> AskWorker(const std::string& socket, operators_v1::Request request) {
  absl::StatusOr<Connection> connection = Connection::ToUnixSocket(socket);
  if (!connection.ok()) return NoWorker(socket, connection.status());
  request.set_protocol_version(kOperatorProtocolVersion);
  // A worker that refuses whoever asks may have closed already; its answer says why.
  const absl::Status sent = SendOperatorFrame(*connection, request, kFrameTime);
  if (!sent.ok() && !absl::IsUnavailable(sent)) return sent;
  return connection;
}

absl::StatusOr<operators_v1::Response> ReceiveAnswer(Connection& connection,
                                                     std::chrono::milliseconds patience) {
  if (!connection.WaitForInput(patience)) {
    return absl::DeadlineExceededError("the worker does not answer");
  }
  const absl::StatusOr<std::string> bytes =
      ReceiveFrame(connection, kMaxOperatorFrameBytes, kFrameTime);
  if (!bytes.ok()) return absl::UnavailableError("the worker has closed the connection");
  return ParseOperatorResponse(*bytes);
}

}  // namespace hpcc
