#include <array>
#include <chrono>

#include "base/process.h"
#include "base/strings.h"
#include "cli/command.h"
#include "client/daemon_start.h"

namespace hpcc {

namespace {

constexpr OptionSpec kBackground = {"--background", "", "return as soon as it is ready"};
constexpr std::array kOptions = {kBackground};
constexpr std::chrono::milliseconds kReadyTimeout{10'000};

int Run(const CommandContext& context, const ParsedOptions& options) {
  if (options.Has(kBackground.name)) {
    const absl::StatusOr<std::string> ready =
        StartDaemonInBackground(context.fs, context.environment, kReadyTimeout);
    if (!ready.ok()) {
      return Complain(context, kStartCommand, std::string(ready.status().message()));
    }
    context.console.Out(StrCat(*ready, "\n"));
    return kExitOk;
  }
  const absl::StatusOr<std::string> program = DaemonProgram(context.fs);
  if (!program.ok()) {
    return Complain(context, kStartCommand, std::string(program.status().message()));
  }
  const absl::Status status = Exec(*program, {*program}, context.environment);
  return Complain(context, kStartCommand, std::string(status.message()));
}

}  // namespace

constexpr Command kStartCommand = {
    .name = "start",
    .summary = "run the per-user daemon",
    .description =
        "Runs the daemon in the foreground until Ctrl-C or SIGTERM, for a terminal or a\n"
        "supervisor; with --background it runs by itself. The daemon makes hits faster and lets\n"
        "builds that run at the same time compile each unit once. The wrapper finds it by itself\n"
        "and works without it when it is gone.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
