#ifndef HPCC_SANDBOX_FIRECRACKER_RUNTIME_H_
#define HPCC_SANDBOX_FIRECRACKER_RUNTIME_H_

// Sandboxes that are Firecracker's virtual machines, each VMM under Firecracker's jailer: in a
// directory, a mount and pid namespace, a user and cgroups of its own. The label is
// `firecracker-kvm`. Its machines have a processor, memory, a read-only disk, a vsock and an
// entropy device, and no network device. docs/sandboxes.md says what a host needs.
//
// A start is a clone: the first one of an image boots a template, which belongs to no tenant, and
// saves it (sandbox/firecracker_template.h); every sandbox loads that and gets entropy and the time
// before anything else. Where there is no template to be had, it boots.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sandbox/jailer_command.h"
#include "sandbox/runtime.h"
#include "sandbox/vm_root.h"

namespace hpcc {

struct FirecrackerRuntimeOptions {
  JailerSettings jailer;
  std::string kernel;      // an uncompressed guest kernel; everybody can read it
  RootProvider find_root;  // root images everybody can read
  bool templates = true;   // false: every start is a boot
};

class FirecrackerSandbox;
class FirecrackerTemplates;

// Thread-safe. Its sandboxes may outlive it; its templates don't.
class FirecrackerRuntime final : public Runtime {
 public:
  static constexpr std::string_view kIsolation = "firecracker-kvm";

  // Checks both programs' versions and removes what crashed workers left below the base directory.
  // Asks nothing of KVM: sandbox/kvm_probe.h does.
  //  - InvalidArgument: settings that can't be right. NotFound: a program or the kernel is missing.
  //  - FailedPrecondition: versions that are too old, or not one.
  static absl::StatusOr<std::unique_ptr<FirecrackerRuntime>> Create(
      FirecrackerRuntimeOptions options);

  ~FirecrackerRuntime() override;

  std::string_view isolation() const override { return kIsolation; }
  uint64_t MemoryBytes(const SandboxSpec& spec) const override;

  //  - NotFound: no such image. InvalidArgument: the spec breaks a rule. FailedPrecondition: the
  //    jailer or Firecracker refused something; the message has its words.
  //  - ResourceExhausted: no user ids are left.
  //  - Unavailable, DeadlineExceeded: the VMM ended, or its guest didn't answer.
  absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxSpec& spec,
                                                 std::chrono::milliseconds bound) override;

 private:
  explicit FirecrackerRuntime(FirecrackerRuntimeOptions options);

  // OK: `sandbox` has begun as a copy of a template. Takes three quarters of `bound` at most.
  absl::Status Clone(FirecrackerSandbox& sandbox, std::chrono::milliseconds bound);

  const FirecrackerRuntimeOptions options_;
  const std::unique_ptr<FirecrackerTemplates> templates_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_RUNTIME_H_
