#include <array>
#include <string_view>

#include "admin/audit_commands.h"
#include "admin/command_program.h"
#include "base/path.h"

namespace hpcc {

namespace {

constexpr std::array<const Command*, 3> kCommands = {&kAuditQueryCommand, &kAuditVerifyCommand,
                                                     &kAuditReplayCommand};

constexpr std::string_view kHelp =
    "Usage: hpcc audit query [options]      the rows of an audit log\n"
    "       hpcc audit verify [options]     whether any was altered, removed or moved\n"
    "       hpcc audit replay [options] JOB whether a job gives the same outputs again\n"
    "\n"
    "'hpcc audit query --help' tells the options of one. The manual is hpcc-audit(1).\n";

}  // namespace

absl::StatusOr<std::string> AuditLogPath(const CommandContext& context,
                                         const ParsedOptions& options) {
  const std::string path =
      options.Value(kLogOption.name).value_or(context.environment.GetOrEmpty("HPCC_AUDIT_LOG"));
  if (!path.empty()) return path::Join(context.cwd, path);
  return absl::InvalidArgumentError(
      "which log? --log FILE or HPCC_AUDIT_LOG names it; a worker keeps its own as audit.db in its "
      "state_dir");
}

int RunAudit(int argc, char** argv) {
  return RunCommandProgram({"audit", kHelp, kCommands}, argc, argv);
}

}  // namespace hpcc
