#include <array>

#include "admin/audit_commands.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr OptionSpec kConfig = {"--config", "FILE", "the worker's configuration"};
constexpr OptionSpec kReplayLog = {"--log", "FILE",
                                   "the audit log with the row; default: the worker's own"};
constexpr std::array kOptions = {kConfig, kReplayLog, kJsonOption};

// The worker has what a replay needs: the sandbox, the sources, the manifests. Its own program does
// it, so that a replay runs as the job did.
int Run(const CommandContext& context, const ParsedOptions& options) {
  const std::optional<std::string> config = options.Value(kConfig.name);
  if (!config) {
    return Complain(context, kAuditReplayCommand,
                    "--config is missing: the worker's, which says where its sources are",
                    kExitUsage);
  }
  const std::string program = path::Join(path::Dirname(context.program), "hpcc-worker");
  if (!FileExists(context.fs, program)) {
    return Complain(context, kAuditReplayCommand,
                    StrCat(program, " is missing: a job is replayed where its worker is"));
  }
  std::vector<std::string> argv = {program, "--config", *config};
  if (const std::optional<std::string> log = options.Value(kReplayLog.name)) {
    argv.insert(argv.end(), {"--log", *log});
  }
  if (options.Has(kJsonOption.name)) argv.emplace_back(kJsonOption.name);
  argv.insert(argv.end(), {"--replay", options.operands().front()});
  const absl::Status status = Exec(program, argv, context.environment);
  return Complain(context, kAuditReplayCommand, std::string(status.message()));
}

}  // namespace

constexpr Command kAuditReplayCommand = {
    .name = "audit replay",
    .operands = "<job>",
    .summary = "whether a job gives the same outputs again",
    .description =
        "Compiles a job again from its row, with the sources and the manifest the worker keeps, "
        "in\n"
        "a sandbox of the same kind, and compares the digests of its outputs. Exits with 1 when\n"
        "one differs, or when something the job was made of is gone or another now, and says "
        "which.\n"
        "Writes no row. Works while the worker runs, as its user.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
