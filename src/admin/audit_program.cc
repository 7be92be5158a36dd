#include <array>
#include <string_view>
#include <vector>

#include "admin/audit_commands.h"
#include "base/path.h"
#include "base/strings.h"

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

const Command* Find(std::string_view word) {
  for (const Command* command : kCommands) {
    if (command->name == StrCat("audit ", word)) return command;
  }
  return nullptr;
}

int Run(const CommandContext& context, const std::vector<std::string>& words) {
  const std::string_view first = words.empty() ? "" : std::string_view(words.front());
  if (first == "--help" || first == "-h") {
    context.console.Out(kHelp);
    return kExitOk;
  }
  if (first == "--version") {
    context.console.Out(StrCat("hpcc-audit ", HPCC_VERSION, "\n"));
    return kExitOk;
  }
  const Command* command = Find(first);
  if (command == nullptr) {
    context.console.Err(words.empty() ? std::string(kHelp)
                                      : StrCat("hpcc audit: there is no ", first, "\n", kHelp));
    return kExitUsage;
  }
  return RunCommand(*command, context, {words.begin() + 1, words.end()});
}

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
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  ProcessConsole console(environment);
  const Config no_config;
  const CommandContext context{fs,
                               Clock::Real(),
                               environment,
                               no_config,
                               fs.RealPath(".").value_or("/"),
                               fs.RealPath("/proc/self/exe").value_or(""),
                               console};
  const int exit_code = Run(context, {argv + std::min(argc, 1), argv + argc});
  if (console.Finish()) return exit_code;
  console.Err("hpcc audit: the output could not be written\n");
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
