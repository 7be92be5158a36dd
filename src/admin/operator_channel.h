#ifndef HPCC_ADMIN_OPERATOR_CHANNEL_H_
#define HPCC_ADMIN_OPERATOR_CHANNEL_H_

// The way from an operator's command to a worker of this machine (worker/operator_protocol.h).

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "base/socket.h"
#include "cli/command.h"
#include "worker/operator_protocol.h"

namespace hpcc {

inline constexpr OptionSpec kWorkerConfigOption = {
    "--config", "FILE", "the worker's configuration; default: /etc/hpcc/worker.toml"};
inline constexpr OptionSpec kWorkerSocketOption = {"--socket", "FILE",
                                                   "its socket, in place of --config"};

// Of --socket, or of the configuration; absolute. InvalidArgument: neither says which.
absl::StatusOr<std::string> WorkerSocket(const CommandContext& context,
                                         const ParsedOptions& options);

// Connects and asks. Errors say what to do about it.
absl::StatusOr<Connection> AskWorker(const std::string& socket, operators_v1::Request request);

// The next response, without its status looked at. DeadlineExceeded: none within `patience`.
absl::StatusOr<operators_v1::Response> ReceiveAnswer(Connection& connection,
                                                     std::chrono::milliseconds patience);

}  // namespace hpcc

#endif  // HPCC_ADMIN_OPERATOR_CHANNEL_H_
