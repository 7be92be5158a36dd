#ifndef HPCC_WORKER_REPLAY_H_
#define HPCC_WORKER_REPLAY_H_

// Compiles a finished job again, from its audit row and what the worker keeps of its tenant, and
// holds the outputs against the row. Only reads: the worker whose job it was may be at work on the
// same state directory, or stopped. Writes no row.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "sandbox/runtime.h"
#include "telemetry/audit_row.h"
#include "worker/host_toolchains.h"
#include "worker/image_toolchains.h"

namespace hpcc {

struct ReplayParts {
  std::string state_directory;  // the worker's
  Runtime* runtime = nullptr;
  HostToolchains* image = nullptr;        // without directories: there is no image `host`
  ImageToolchains* toolchains = nullptr;  // of other images; null: there are none
  FileSystem* fs = nullptr;
  SandboxSpec sandbox;  // its id and sizes; tenant and image are the row's
  ExecLimits limits;
  std::chrono::milliseconds start{20'000};  // bound on the sandbox's start
  std::function<bool()> cancelled;          // asked often; may be empty
};

enum class ReplayVerdict : uint8_t {
  kEqual,
  kDiffers,          // it compiled, to something else
  kNotReproducible,  // what the job was made of isn't all here as it was
};
std::string_view ReplayVerdictName(ReplayVerdict verdict);  // "equal", "differs", ...

struct ReplayReport {
  ReplayVerdict verdict = ReplayVerdict::kEqual;
  // Of anything but kEqual: what is wrong, one line each, at most kMaxReplayFindings and a line
  // that says how many more.
  std::vector<std::string> findings;
  std::vector<AuditOutput> outputs;  // as they came out now
};
inline constexpr size_t kMaxReplayFindings = 20;

// An error says nothing of the job: the sandbox can't be started or was lost, it was cancelled.
absl::StatusOr<ReplayReport> ReplayJob(const AuditRow& row, const ReplayParts& parts);

}  // namespace hpcc

#endif  // HPCC_WORKER_REPLAY_H_
