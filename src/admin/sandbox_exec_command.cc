#include <array>
#include <chrono>
#include <string>

#include "admin/operator_channel.h"
#include "admin/sandbox_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr OptionSpec kTimeout = {"--timeout", "TIME",
                                 "end the command after this long: 30s; default: 10m, at most 1h"};
constexpr std::array kOptions = {kTimeout, kWorkerConfigOption, kWorkerSocketOption};

// Of hpcc's own failures: the command has the others. As `docker exec` and env(1) have it.
constexpr int kExitNotRun = 125;
// What a worker may take beside the command itself: a wait for a place in the sandbox, its
// resuming, its last words to a slow reader. It keeps the bounds; this one is for a worker that
// hangs.
constexpr milliseconds kBeside{10 * 60 * 1000};

absl::StatusOr<operators_v1::Request> RequestOf(const ParsedOptions& options) {
  const std::vector<std::string>& operands = options.operands();
  operators_v1::Request request;
  operators_v1::Exec& exec = *request.mutable_exec();
  exec.set_sandbox(operands.front());
  for (auto word = operands.begin() + 1; word != operands.end(); ++word) exec.add_arguments(*word);
  milliseconds wall = kOperatorWall;
  if (const std::optional<std::string> text = options.Value(kTimeout.name)) {
    const absl::StatusOr<milliseconds> time = ParseDuration(*text);
    if (!time.ok()) {
      return absl::InvalidArgumentError(
          StrCat(kTimeout.name, ": ", std::string(time.status().message())));
    }
    if (time->count() <= 0 || *time > kOperatorWallMost) {
      return absl::InvalidArgumentError(StrCat(kTimeout.name, ": from 1ms to 1h"));
    }
    wall = *time;
  }
  exec.set_wall_ms(static_cast<uint64_t>(wall.count()));
  return request;
}

// Prints what the command prints until it has ended.
absl::StatusOr<operators_v1::Ended> Follow(const CommandContext& context, Connection& connection,
                                           milliseconds patience) {
  for (;;) {
    HPCC_ASSIGN_OR_RETURN(const operators_v1::Response response,
                          ReceiveAnswer(connection, patience));
    HPCC_RETURN_IF_ERROR(StatusOf(response));
    if (response.has_ended()) return response.ended();
    const operators_v1::Output& output = response.output();
    if (output.error()) {
      context.console.Err(output.data());
    } else {
      context.console.Out(output.data());
      context.console.Flush();
    }
  }
}

std::string Advice(const absl::Status& status) {
  std::string text(status.message());
  if (absl::IsNotFound(status)) text += "; 'hpcc sandbox list' tells which there are";
  return text;
}

// Whoever ends this program ends the command: the worker sees the connection close.
int Run(const CommandContext& context, const ParsedOptions& options) {
  const auto complain = [&](const absl::Status& status, int exit_code) {
    return Complain(context, kSandboxExecCommand, Advice(status), exit_code);
  };
  absl::StatusOr<operators_v1::Request> request = RequestOf(options);
  if (!request.ok()) return complain(request.status(), kExitUsage);
  const absl::StatusOr<std::string> socket = WorkerSocket(context, options);
  if (!socket.ok()) return complain(socket.status(), kExitUsage);
  const milliseconds patience = milliseconds(request->exec().wall_ms()) + kBeside;
  absl::StatusOr<Connection> connection = AskWorker(*socket, *std::move(request));
  if (!connection.ok()) return complain(connection.status(), kExitNotRun);
  const absl::StatusOr<operators_v1::Ended> ended = Follow(context, *connection, patience);
  if (!ended.ok()) return complain(ended.status(), kExitNotRun);
  if (!ended->why().empty()) Complain(context, kSandboxExecCommand, ended->why());
  return ended->exit_status();
}

}  // namespace

constexpr Command kSandboxExecCommand = {
    .name = "exec",
    .operands = "<sandbox> -- <program> [arguments...]",
    .summary = "run a command in a worker's sandbox",
    .description =
        "Runs one command in a sandbox of a worker on this machine, as an exec of that sandbox: "
        "it\n"
        "has the image, a /tmp of its own and no input, and sees nothing of any compile. A\n"
        "suspended sandbox is resumed. The program is named by its whole path in the image. "
        "Ctrl-C\n"
        "ends the command. An audit row says who ran what, and how it ended.\n"
        "\n"
        "Exits as the command did, with 128 + n when signal n ended it, with 124 when its time "
        "was\n"
        "over, with 125 when it could not be run or nothing is known of its end. Only the "
        "worker's\n"
        "own user and root may ask.",
    .options = kOptions,
    .min_operands = 2,
    .max_operands = kMaxOperatorCommandWords,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
