#ifndef HPCC_SANDBOX_QEMU_RUNTIME_H_
#define HPCC_SANDBOX_QEMU_RUNTIME_H_

// Sandboxes that are virtual machines of QEMU: behind hpcc's own kernel, on KVM where this machine
// has shown that it runs a guest, else emulated (TCG). The label says which.
//
// A start is a clone: the first one of an image boots a template up to its agent's first answer,
// before it has heard of any tenant, and saves it; every sandbox begins as a copy of that, with its
// memory copied as it is written to, and gets entropy and the time before anything else.
//
// A machine with a vsock has its number from its start on, and what a saved one does under another
// was never seen: copies, and those that are to be saved, are reached by a virtio-serial port.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sandbox/qemu_template.h"
#include "sandbox/runtime.h"
#include "sandbox/vm_root.h"
#include "sandbox/vm_vsock.h"

namespace hpcc {

struct QemuRuntimeOptions {
  std::string program = "/usr/bin/qemu-system-x86_64";
  std::string kernel;     // vmlinux of scripts/build-guest-kernel.sh
  std::string directory;  // this runtime's alone, made when it isn't there; emptied by Make
  RootProvider find_root;
  bool templates = true;  // false: every start is a boot
  // Without templates, machines are reached by this vsock where the host has it and a guest answers
  // there, and can't be suspended then. Null: never.
  std::shared_ptr<const VhostVsock> vsock = std::make_shared<VhostVsock>();
  bool try_kvm = true;
};

// Thread-safe. Its sandboxes may outlive it.
class QemuRuntime final : public Runtime {
 public:
  // Looks for what it needs, and finds out what KVM is worth here by starting a guest on it, within
  // some seconds. NotFound: no QEMU or no kernel; the message says how to get them.
  static absl::StatusOr<std::unique_ptr<QemuRuntime>> Make(QemuRuntimeOptions options);

  std::string_view isolation() const override;  // "qemu-kvm", "qemu-tcg"
  uint64_t MemoryBytes(const SandboxSpec& spec) const override;

  //  - NotFound: no such image. InvalidArgument: the spec breaks a rule.
  //  - Unavailable, DeadlineExceeded: QEMU ended, or the agent didn't answer; with what they said.
  absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxSpec& spec,
                                                 std::chrono::milliseconds bound) override;

 private:
  explicit QemuRuntime(QemuRuntimeOptions options);

  const QemuRuntimeOptions options_;
  QemuHost host_;
  QemuTemplates templates_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QEMU_RUNTIME_H_
