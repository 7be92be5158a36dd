#ifndef HPCC_SANDBOX_FIRECRACKER_SANDBOX_H_
#define HPCC_SANDBOX_FIRECRACKER_SANDBOX_H_

// One sandbox of the firecracker driver: a VMM and the conversation with its guest's agent, or the
// snapshot they have become. FirecrackerRuntime makes them.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/agent_client.h"
#include "sandbox/firecracker_vm.h"
#include "sandbox/jailer_command.h"
#include "sandbox/namespaces.h"
#include "sandbox/runtime.h"
#include "sandbox/vm_root.h"

namespace hpcc {

// What a sandbox needs again whenever it gets another VMM.
struct FirecrackerParts {
  SandboxSpec spec;
  JailerSettings jailer;
  std::string kernel;
  PreparedRoot root;
  std::unique_ptr<IdRange> ids;  // null: this process isn't root, and the user is its own
};

// Thread-safe. Suspend and Resume run no exec meanwhile: Suspend fails while one runs, and an exec
// of a suspended sandbox fails (FailedPrecondition both).
class FirecrackerSandbox final : public Sandbox {
 public:
  explicit FirecrackerSandbox(FirecrackerParts parts) : parts_(std::move(parts)) {}
  ~FirecrackerSandbox() override { Stop(); }

  // Once, before anything else: until the guest's agent has answered.
  absl::Status Boot(std::chrono::milliseconds bound);

  const SandboxSpec& spec() const override { return parts_.spec; }
  std::string_view isolation() const override;
  std::string Description() const override;
  std::vector<std::string> image_directories() const override { return image_directories_; }
  absl::StatusOr<ExecResult> Exec(const ExecRequest& request, const BlobReader& read_blob,
                                  const std::function<bool()>& cancelled) override;
  // The guest's memory and state become files of the jail, and the VMM ends.
  absl::Status Suspend() override;
  // Another VMM loads them, and the agent gets the time and entropy before anything else.
  absl::Status Resume() override;
  void Stop() override;
  bool alive() const override;

 private:
  enum class State : uint8_t { kFresh, kRunning, kMoving, kSuspended, kLost };
  // A VMM and its agent; the conversation ends before the VMM does.
  struct Machine {
    std::unique_ptr<FirecrackerVm> vm;
    std::unique_ptr<AgentClient> agent;
  };

  uint32_t user() const;
  JailLimits Limits() const;
  FirecrackerSnapshot SnapshotFiles() const;
  absl::StatusOr<std::unique_ptr<Jail>> MakeJail() const;
  absl::StatusOr<std::unique_ptr<Machine>> BootMachine(std::chrono::milliseconds bound);
  absl::StatusOr<std::unique_ptr<Machine>> LoadMachine(std::chrono::milliseconds bound);
  absl::StatusOr<AgentHealth> Greet(Machine& machine, std::chrono::milliseconds bound);
  absl::Status Save(const FirecrackerVm& vm) const;
  // The machine of the state that is left, if it has one.
  absl::StatusOr<std::shared_ptr<Machine>> Leave(State from, State to);
  absl::Status Settle(State state, std::shared_ptr<Machine> machine);
  absl::Status Lost(const Machine& machine) const;

  const FirecrackerParts parts_;
  std::vector<std::string> image_directories_;  // written before anybody else has this sandbox

  mutable std::mutex mutex_;
  State state_ = State::kFresh;
  uint32_t execs_ = 0;
  std::shared_ptr<Machine> machine_;  // kRunning
  // Those two belong to whoever moves the sandbox from one state to another.
  uint32_t suspensions_ = 0;        // numbers the snapshot's files
  std::unique_ptr<Jail> snapshot_;  // kSuspended: where the files are
  bool stopped_ = false;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_SANDBOX_H_
