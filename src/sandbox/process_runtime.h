#ifndef HPCC_SANDBOX_PROCESS_RUNTIME_H_
#define HPCC_SANDBOX_PROCESS_RUNTIME_H_

// Sandboxes made of the kernel's own means: namespaces, a root of their own, system call filters
// and limits. The kernel is the host's, so the boundary is as good as that kernel; the label is
// `process`.
//
// hpcc-agent is started as the first process of the namespaces, builds the root from inside, and
// answers over a socket pair. As root, each sandbox has ids that nobody else on the machine has;
// otherwise its root is this process's user, who then owns nothing there but what a sandbox makes.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sandbox/image_layout.h"
#include "sandbox/runtime.h"

namespace hpcc {

struct ProcessRuntimeOptions {
  std::string agent;  // path of hpcc-agent; "": beside this program
  // What an image consists of; NotFound for one that isn't here. Empty: only `host`.
  std::function<absl::StatusOr<ImageLayout>(const std::string& image)> find_image;
};

// Thread-safe. Its sandboxes may outlive it.
class ProcessRuntime final : public Runtime {
 public:
  static constexpr std::string_view kIsolation = "process";

  explicit ProcessRuntime(ProcessRuntimeOptions options = {}) : options_(std::move(options)) {}

  std::string_view isolation() const override { return kIsolation; }

  //  - NotFound: no such image, or no agent. InvalidArgument: the spec breaks a rule.
  //  - PermissionDenied, ResourceExhausted: no namespaces for this user here.
  //  - Unavailable, DeadlineExceeded: the agent ended, or didn't answer; with what it said.
  absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxSpec& spec,
                                                 std::chrono::milliseconds bound) override;

 private:
  const ProcessRuntimeOptions options_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_PROCESS_RUNTIME_H_
