#ifndef HPCC_CLI_DAEMON_STATUS_H_
#define HPCC_CLI_DAEMON_STATUS_H_

// What the subcommands ask the per-user daemon.

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "client/daemon_protocol.h"

namespace hpcc {

// NotFound: none can be reached. FailedPrecondition: one is there and refuses, saying why. Else it
// does not answer as it should.
absl::StatusOr<daemon_v1::StatusReport> QueryDaemon(const CommandContext& context);

// The same where why there is no answer does not matter.
std::optional<daemon_v1::StatusReport> AskDaemonForStatus(const CommandContext& context);

// Asks it to end and waits until it has. NotFound: none runs. DeadlineExceeded: it is still there.
absl::Status StopDaemon(const CommandContext& context);

}  // namespace hpcc

#endif  // HPCC_CLI_DAEMON_STATUS_H_
