#include "worker/worker_runtime.h"

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/firecracker_runtime.h"
#include "sandbox/image_layout.h"
#include "sandbox/process_runtime.h"
#include "sandbox/qemu_runtime.h"
#include "worker/host_toolchains.h"

namespace hpcc {

namespace {

absl::StatusOr<std::string> AgentProgram(const WorkerConfig& config, FileSystem& fs) {
  std::string agent = config.agent;
  if (agent.empty()) {
    HPCC_ASSIGN_OR_RETURN(const std::string self, fs.ReadLink("/proc/self/exe"));
    agent = path::Join(path::Dirname(self), "hpcc-agent");
  }
  if (!FileExists(fs, agent)) {
    return absl::NotFoundError(StrCat(agent, " is missing; sandbox.agent says where it is"));
  }
  return agent;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Runtime>> MakeWorkerRuntime(const WorkerConfig& config,
                                                           FileSystem& fs) {
  if (config.driver == "process") {
    HPCC_ASSIGN_OR_RETURN(const std::string agent, AgentProgram(config, fs));
    return std::make_unique<ProcessRuntime>(ProcessRuntimeOptions{.agent = agent});
  }
  const RootProvider find_root =
      [root = config.guest_root](const std::string& image) -> absl::StatusOr<PreparedRoot> {
    if (image == kHostImage) return PreparedRoot{.path = root};
    return absl::NotFoundError(StrCat("sandbox: there is no image ", image));
  };
  if (config.driver == "firecracker") {
    return FirecrackerRuntime::Create(
        {.jailer = {.jailer = config.jailer,
                    .firecracker = config.firecracker,
                    .base = path::Join(config.state_directory, "jails"),
                    .cgroups = JailerCgroups()},
         .kernel = config.guest_kernel,
         .find_root = find_root});
  }
  return QemuRuntime::Make({.kernel = config.guest_kernel,
                            .directory = path::Join(config.state_directory, "machines"),
                            .find_root = find_root});
}

std::vector<std::string> HostImageDirectories() {
  return HostImage().Directories();
}

SandboxSpec WorkerSandboxSpec(const WorkerConfig& config) {
  SandboxSpec spec;
  spec.cpus = static_cast<uint32_t>(config.sandbox_cpus);
  spec.memory_bytes = config.sandbox_memory;
  spec.blob_bytes = config.sandbox_blobs;
  return spec;
}

ExecLimits WorkerExecLimits(const WorkerConfig& config) {
  ExecLimits limits;
  limits.wall = config.job_time;
  limits.memory_bytes = config.job_memory;
  limits.stage_bytes = config.job_output;
  return limits;
}

}  // namespace hpcc
