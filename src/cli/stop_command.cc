#include "base/strings.h"
#include "cli/command.h"
#include "cli/daemon_status.h"
#include "remote/remote_client.h"

namespace hpcc {

namespace {

int Run(const CommandContext& context, const ParsedOptions&) {
  const absl::Status daemon = StopDaemon(context);
  // After the daemon, whose last results it may be given.
  const absl::Status remote =
      StopRemote(context.fs, RemotePlace(context.config, context.environment), context.clock);
  if (daemon.ok()) context.console.Out("The daemon has ended.\n");
  if (remote.ok()) context.console.Out("hpcc-remote has ended.\n");
  const bool none_ran = absl::IsNotFound(daemon) && absl::IsNotFound(remote);
  if (!daemon.ok() && (none_ran || !absl::IsNotFound(daemon))) {
    return Complain(context, kStopCommand, std::string(daemon.message()));
  }
  if (!remote.ok() && !absl::IsNotFound(remote)) {
    return Complain(context, kStopCommand, std::string(remote.message()));
  }
  return kExitOk;
}

}  // namespace

constexpr Command kStopCommand = {
    .name = "stop",
    .summary = "end the per-user daemon, and hpcc-remote",
    .description =
        "Tells the daemon to finish what is in flight and leave, then hpcc-remote to write what\n"
        "it has taken for remote caches and leave, and waits until they have. Builds that run go\n"
        "on without them. Exits with 1 when neither runs, or one does not end.",
    .options = {},
    .run = Run,
};

}  // namespace hpcc
