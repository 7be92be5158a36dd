#ifndef HPCC_WORKER_WORKER_RUNTIME_H_
#define HPCC_WORKER_WORKER_RUNTIME_H_

// The sandboxes a configuration asks for: of a worker that serves, and of a replay of its jobs.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "sandbox/runtime.h"
#include "worker/worker_config.h"

namespace hpcc {

// NotFound: hpcc-agent is missing.
absl::StatusOr<std::unique_ptr<Runtime>> MakeWorkerRuntime(const WorkerConfig& config,
                                                           FileSystem& fs);
// What the image `host` gives of this machine: absolute directories.
std::vector<std::string> HostImageDirectories();

// What one sandbox of this worker has; its id, tenant and image are still to be said.
SandboxSpec WorkerSandboxSpec(const WorkerConfig& config);
// What one compile may use.
ExecLimits WorkerExecLimits(const WorkerConfig& config);

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_RUNTIME_H_
