#ifndef HPCC_WORKER_OPERATOR_COMMANDS_H_
#define HPCC_WORKER_OPERATOR_COMMANDS_H_

// Commands of a worker's operators in sandboxes that are there: each is an exec of its sandbox like
// a compile, sees nothing of any compile, and stands in the audit log twice. A security event
// (operator-command) is on the disk before it begins, so that whoever ends the worker meanwhile
// hides nothing; an audit row (telemetry/audit_row.h: IsOperatorCommand) when it has ended, however
// it did.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/socket.h"
#include "sandbox/sandbox_pool.h"
#include "telemetry/audit_log.h"
#include "worker/job_ids.h"

namespace hpcc {

struct OperatorCommand {
  std::string sandbox;                 // its id
  std::vector<std::string> arguments;  // the program first, an absolute path in the image
  std::chrono::milliseconds wall{0};
  PeerCredentials who;
  StdioSink stdio;
  std::function<bool()> cancelled;  // asked often
};

struct OperatorOutcome {
  std::string job;      // of the audit row
  int exit_status = 0;  // the command's; 128 + n for signal n; 124, 137: its time, another limit
  std::string why;      // it did not end by itself; one line
};

// Thread-safe.
class OperatorCommands {
 public:
  struct Options {
    std::string worker;                     // its name
    std::chrono::milliseconds patience{0};  // of a wait for a place in the sandbox
    ExecLimits limits;                      // the command says how long
  };
  // All outlive it.
  struct Parts {
    SandboxPool* pool = nullptr;
    AuditLog* audit = nullptr;
    Clock* clock = nullptr;
  };
  OperatorCommands(Options options, const Parts& parts)
      : options_(std::move(options)), parts_(parts) {}

  // As SandboxPool::AcquireById and Sandbox::Exec. Internal: what is to be recorded couldn't be;
  // before the command, then it was not run, or after it.
  absl::StatusOr<OperatorOutcome> Run(const OperatorCommand& command);
  std::chrono::milliseconds patience() const { return options_.patience; }

 private:
  absl::Status RecordBeginning(const OperatorCommand& command, const AuditRow& row);

  const Options options_;
  const Parts parts_;
  JobIds ids_;
};

// "uid:0": how an operator stands in records.
std::string OperatorName(const PeerCredentials& who);

}  // namespace hpcc

#endif  // HPCC_WORKER_OPERATOR_COMMANDS_H_
