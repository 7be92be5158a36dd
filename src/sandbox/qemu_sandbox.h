#ifndef HPCC_SANDBOX_QEMU_SANDBOX_H_
#define HPCC_SANDBOX_QEMU_SANDBOX_H_

// One virtual machine of QEMU as a sandbox.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/agent_client.h"
#include "sandbox/qemu_host.h"
#include "sandbox/qemu_template.h"
#include "sandbox/runtime.h"
#include "sandbox/vm_root.h"

namespace hpcc {

inline constexpr std::string_view kQemuKvm = "qemu-kvm";
inline constexpr std::string_view kQemuTcg = "qemu-tcg";

// Thread-safe. Suspend and Resume want that nothing runs in it: FailedPrecondition otherwise.
// Suspended, it is a file that nobody else can open, and no process. One that can't be saved goes
// on as it was; one that can't be resumed is lost.
class QemuSandbox final : public Sandbox {
 public:
  struct Parts {
    SandboxSpec spec;
    QemuHost host;
    std::shared_ptr<const void> hold_root;
    Descriptor root;
    std::unique_ptr<MachineDirectory> directory;
  };

  explicit QemuSandbox(Parts parts) : parts_(std::move(parts)) {}
  ~QemuSandbox() override { Stop(); }

  // Boots, or begins as a clone; until the agent has answered, within `bound`. Called once.
  absl::Status Start(std::shared_ptr<const QemuTemplate> from, std::chrono::milliseconds bound);

  const SandboxSpec& spec() const override { return parts_.spec; }
  std::string_view isolation() const override { return parts_.host.kvm ? kQemuKvm : kQemuTcg; }
  std::string Description() const override;
  std::vector<std::string> image_directories() const override { return image_directories_; }

  absl::StatusOr<ExecResult> Exec(const ExecRequest& request, const BlobReader& read_blob,
                                  const std::function<bool()>& cancelled) override;
  absl::Status Ping(std::chrono::milliseconds bound) override;
  absl::Status Suspend() override;
  absl::Status Resume() override;
  void Stop() override;
  bool alive() const override;

 private:
  absl::Status BootWithVsock(std::chrono::milliseconds bound);
  absl::Status Launch(QemuLaunch launch, std::chrono::milliseconds bound);
  absl::StatusOr<Descriptor> Save(QemuProcess& process) const;
  absl::Status GoOn(const std::shared_ptr<QemuProcess>& process);
  absl::Status Greet(const std::shared_ptr<QemuProcess>& process,
                     std::chrono::steady_clock::time_point end);
  absl::Status Gone() const;
  absl::Status Lost() const;  // the same, and what it last said goes into the log

  const Parts parts_;
  std::shared_ptr<const QemuTemplate> template_;  // its memory is this one's, where unchanged
  std::vector<std::string> image_directories_;    // set by Start
  std::string description_;                       // set by Start
  bool by_vsock_ = false;                         // set by Start

  std::mutex changing_;  // held while the machine comes or goes
  mutable std::mutex mutex_;
  std::shared_ptr<QemuProcess> process_;  // null: suspended, or never started
  std::shared_ptr<AgentClient> agent_;
  Descriptor state_;  // of a suspended machine
  size_t execs_ = 0;
  bool suspended_ = false;
  bool stopped_ = false;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QEMU_SANDBOX_H_
