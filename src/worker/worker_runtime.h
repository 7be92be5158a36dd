#ifndef HPCC_WORKER_WORKER_RUNTIME_H_
#define HPCC_WORKER_WORKER_RUNTIME_H_

// The sandboxes a configuration asks for: of a worker that serves, and of a replay of its jobs.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "sandbox/runtime.h"
#include "worker/worker_config.h"
#include "worker/worker_images.h"

namespace hpcc {

// hpcc-agent, where the configuration says or beside this program. NotFound: it is missing.
absl::StatusOr<std::string> WorkerAgent(const WorkerConfig& config, FileSystem& fs);

// The images of `config` but `host`; null: it has none.
absl::StatusOr<std::unique_ptr<WorkerImages>> OpenWorkerImages(const WorkerConfig& config,
                                                               FileSystem& fs, Clock& clock,
                                                               const Environment& environment);

// Where roots of other images than `host` come from; null: there are none. `name` is that of its
// directory below state_dir, which is this runtime's alone: "machines" of the worker that serves.
struct WorkerRuntimeParts {
  RootProvider find_image;
  std::string name = "machines";
};
// NotFound: hpcc-agent is missing.
absl::StatusOr<std::unique_ptr<Runtime>> MakeWorkerRuntime(const WorkerConfig& config,
                                                           FileSystem& fs,
                                                           WorkerRuntimeParts parts);
// What the image `host` gives of this machine: absolute directories. None where the worker has no
// such image.
std::vector<std::string> HostImageDirectories(const WorkerConfig& config);

// What one sandbox of this worker has; its id, tenant and image are still to be said.
SandboxSpec WorkerSandboxSpec(const WorkerConfig& config);
// How long a start of one of its sandboxes may take. An emulated machine boots some 15 times slower
// than one that is not.
std::chrono::milliseconds WorkerStartBound(const Runtime& runtime);
// What one compile may use.
ExecLimits WorkerExecLimits(const WorkerConfig& config);

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_RUNTIME_H_
