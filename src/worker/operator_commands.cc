#include "worker/operator_commands.h"

#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "sandbox/agent_limits.h"
#include "telemetry/security_events.h"
#include "worker/compile_exec.h"

namespace hpcc {

namespace {

constexpr std::string_view kWorkingDirectory = "/tmp";
constexpr size_t kMaxDetailBytes = 1024;

// What timeout(1) and shells give.
constexpr int kTimeOver = 124;
constexpr int kNotRun = 125;
constexpr int kCancelled = 128 + 2;  // SIGINT
constexpr int kEnded = 128 + 9;      // SIGKILL

std::string OneLine(const OperatorCommand& command) {
  std::string line = StrJoin(command.arguments, " ").substr(0, kMaxDetailBytes);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line;
}

absl::StatusOr<ExecRequest> RequestOf(const OperatorCommand& command, const AuditRow& row,
                                      const ExecLimits& limits) {
  ExecRequest request;
  request.job = row.job_id;
  request.arguments = command.arguments;
  request.environment = row.environment;
  request.working_directory = row.working_directory;
  HPCC_ASSIGN_OR_RETURN(request.manifest, EncodeManifest({}));
  request.limits = limits;
  request.limits.wall = command.wall;
  request.limits.stdio_bytes = kExecStdioBytesMost;
  request.stdio = command.stdio;
  return request;
}

OperatorOutcome OutcomeOf(const ExecResult& result, const OperatorCommand& command) {
  if (result.exceeded == ExceededLimit::kWallTime) {
    return {.exit_status = kTimeOver,
            .why = StrCat("its time of ", command.wall.count(), " ms was over")};
  }
  if (result.exceeded != ExceededLimit::kNone) {
    return {.exit_status = kEnded,
            .why = StrCat("it reached the limit of ", LimitName(result.exceeded))};
  }
  if (result.signal != 0) {
    return {.exit_status = 128 + result.signal,
            .why = StrCat("signal ", result.signal, " ended it")};
  }
  return {.exit_status = result.exit_status};
}

}  // namespace

std::string OperatorName(const PeerCredentials& who) {
  return StrCat("uid:", who.user);
}

absl::Status OperatorCommands::RecordBeginning(const OperatorCommand& command,
                                               const AuditRow& row) {
  SecurityEventRow event;
  event.time_ns = row.time_ns;
  event.event = SecurityEventName(SecurityEvent::kOperatorCommand);
  event.tenant = row.tenant;
  event.user = row.user;
  event.peer = StrCat("pid:", command.who.process);
  event.detail = StrCat("job ", row.job_id, " in ", row.sandbox, ": ", OneLine(command));
  Log(LogLevel::kWarning,
      StrCat(event.event, " tenant=", event.tenant, " user=", event.user, ": ", event.detail));
  const absl::Status written = parts_.audit->Append(event);
  if (written.ok()) return written;
  return absl::InternalError(
      StrCat("it can't be recorded, so it was not run: ", std::string(written.message())));
}

absl::StatusOr<OperatorOutcome> OperatorCommands::Run(const OperatorCommand& command) {
  HPCC_ASSIGN_OR_RETURN(
      const SandboxPool::Lease lease,
      parts_.pool->AcquireById(command.sandbox, options_.patience, command.cancelled));
  Sandbox& sandbox = lease.sandbox();
  AuditRow row;
  row.time_ns = parts_.clock->NowNanoseconds();
  row.job_id = ids_.Next();
  row.tenant = sandbox.spec().tenant;
  row.user = OperatorName(command.who);
  row.worker = options_.worker;
  row.sandbox = sandbox.spec().id;
  row.isolation = sandbox.isolation();
  row.image_digest = sandbox.spec().image;
  row.compiler = command.arguments.front();
  row.flags.assign(command.arguments.begin() + 1, command.arguments.end());
  row.working_directory = kWorkingDirectory;
  row.environment = {"HOME=/tmp",
                     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  HPCC_RETURN_IF_ERROR(RecordBeginning(command, row));

  HPCC_ASSIGN_OR_RETURN(const ExecRequest request, RequestOf(command, row, options_.limits));
  const BlobReader no_blobs = [](const Digest&) {
    return absl::NotFoundError("an operator's command has no sources");
  };
  const absl::StatusOr<ExecResult> result = sandbox.Exec(request, no_blobs, command.cancelled);
  OperatorOutcome outcome;
  if (result.ok()) {
    outcome = OutcomeOf(*result, command);
  } else {
    outcome.exit_status = absl::IsCancelled(result.status()) ? kCancelled : kNotRun;
  }
  outcome.job = row.job_id;
  row.exit_status = outcome.exit_status;
  row.duration_ns = parts_.clock->NowNanoseconds() - row.time_ns;
  if (const absl::Status written = parts_.audit->Append(row); !written.ok()) {
    return absl::InternalError(StrCat("it ran, and no audit row of it could be written: ",
                                      std::string(written.message())));
  }
  if (!result.ok()) return result.status();
  return outcome;
}

}  // namespace hpcc
