#include "base/strings.h"
#include "cli/command.h"
#include "cli/daemon_status.h"

namespace hpcc {

namespace {

int Run(const CommandContext& context, const ParsedOptions&) {
  const absl::Status status = StopDaemon(context);
  if (!status.ok()) return Complain(context, kStopCommand, std::string(status.message()));
  context.console.Out("The daemon has ended.\n");
  return kExitOk;
}

}  // namespace

constexpr Command kStopCommand = {
    .name = "stop",
    .summary = "end the per-user daemon",
    .description =
        "Tells the daemon to finish what is in flight and leave, and waits until it has. Builds\n"
        "that run go on without it. Exits with 1 when no daemon answers.",
    .options = {},
    .run = Run,
};

}  // namespace hpcc
