#include "worker/worker_runtime.h"

#include <utility>

#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/firecracker_runtime.h"
#include "sandbox/image_layout.h"
#include "sandbox/process_runtime.h"
#include "sandbox/qemu_runtime.h"
#include "sandbox/qemu_sandbox.h"
#include "sandbox/vm_vsock.h"
#include "worker/host_toolchains.h"

namespace hpcc {

namespace {

// The root of `host` is a file that the configuration names; those of others are the catalogue's.
RootProvider RootsOf(const WorkerConfig& config, RootProvider find_image) {
  return [root = config.guest_root, find_image = std::move(find_image)](
             const std::string& image) -> absl::StatusOr<PreparedRoot> {
    if (image == kHostImage && !root.empty()) return PreparedRoot{.path = root};
    if (image != kHostImage && find_image) return find_image(image);
    return absl::NotFoundError(StrCat("sandbox: there is no image ", image));
  };
}

// A machine with a vsock can't be a copy of a template (qemu_runtime.h).
bool HasVsock(const WorkerConfig& config) {
  if (config.channel != "vsock") return false;
  const absl::Status claimed = VhostVsock().Claim().status();
  if (claimed.ok()) return true;
  Log(LogLevel::kWarning, StrCat("sandbox.channel: this host has no vsock (",
                                 std::string(claimed.message()), "): machines get a serial port"));
  return false;
}

}  // namespace

absl::StatusOr<std::string> WorkerAgent(const WorkerConfig& config, FileSystem& fs) {
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

absl::StatusOr<std::unique_ptr<WorkerImages>> OpenWorkerImages(const WorkerConfig& config,
                                                               FileSystem& fs, Clock& clock,
                                                               const Environment& environment) {
  if (!config.pulls_images()) return nullptr;
  HPCC_ASSIGN_OR_RETURN(const std::string agent, WorkerAgent(config, fs));
  HPCC_ASSIGN_OR_RETURN(
      std::unique_ptr<ImageSupply> supply,
      OpenImageSupply(config.images, agent, NetworkSettingsOf(environment), fs, clock));
  return std::make_unique<WorkerImages>(std::move(supply),
                                        WorkerImagesOptions{.pulls = config.images.pulls}, clock);
}

absl::StatusOr<std::unique_ptr<Runtime>> MakeWorkerRuntime(const WorkerConfig& config,
                                                           FileSystem& fs,
                                                           WorkerRuntimeParts parts) {
  if (config.driver == "process") {
    HPCC_ASSIGN_OR_RETURN(const std::string agent, WorkerAgent(config, fs));
    return std::make_unique<ProcessRuntime>(ProcessRuntimeOptions{.agent = agent});
  }
  const RootProvider find_root = RootsOf(config, std::move(parts.find_image));
  if (config.driver == "firecracker") {
    return FirecrackerRuntime::Create(
        {.jailer = {.jailer = config.jailer,
                    .firecracker = config.firecracker,
                    .base = path::Join(config.state_directory,
                                       parts.name == "machines" ? "jails" : parts.name),
                    .cgroups = JailerCgroups()},
         .kernel = config.guest_kernel,
         .find_root = find_root});
  }
  return QemuRuntime::Make({.kernel = config.guest_kernel,
                            .directory = path::Join(config.state_directory, parts.name),
                            .find_root = find_root,
                            .templates = !HasVsock(config)});
}

std::vector<std::string> HostImageDirectories(const WorkerConfig& config) {
  if (!config.has_host_image()) return {};
  return HostImage().Directories();
}

SandboxSpec WorkerSandboxSpec(const WorkerConfig& config) {
  SandboxSpec spec;
  spec.cpus = static_cast<uint32_t>(config.sandbox_cpus);
  spec.memory_bytes = config.sandbox_memory;
  spec.blob_bytes = config.sandbox_blobs;
  return spec;
}

std::chrono::milliseconds WorkerStartBound(const Runtime& runtime) {
  return runtime.isolation() == kQemuTcg ? std::chrono::seconds(120) : std::chrono::seconds(20);
}

ExecLimits WorkerExecLimits(const WorkerConfig& config) {
  ExecLimits limits;
  limits.wall = config.job_time;
  limits.margin = config.job_margin;
  limits.memory_bytes = config.job_memory;
  limits.stage_bytes = config.job_output;
  return limits;
}

}  // namespace hpcc
