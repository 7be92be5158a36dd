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
#include "sandbox/firecracker_machine.h"
#include "sandbox/firecracker_template.h"
#include "sandbox/firecracker_vm.h"
#include "sandbox/runtime.h"

namespace hpcc {

// Thread-safe. Suspend and Resume run no exec meanwhile: Suspend fails while one runs, and an exec
// of a suspended sandbox fails (FailedPrecondition both).
class FirecrackerSandbox final : public Sandbox {
 public:
  explicit FirecrackerSandbox(FirecrackerParts parts) : parts_(std::move(parts)) {}
  ~FirecrackerSandbox() override { Stop(); }

  // Either, before anything else: until the guest's agent has answered. Where the one has failed
  // the other may still be tried.
  absl::Status Clone(const FirecrackerTemplate& from, std::chrono::milliseconds bound);
  absl::Status Boot(std::chrono::milliseconds bound);

  const FirecrackerParts& parts() const { return parts_; }
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
  using Machine = FirecrackerConversation;

  FirecrackerSnapshot SnapshotFiles() const;
  absl::StatusOr<std::unique_ptr<Machine>> BootMachine(std::chrono::milliseconds bound);
  // From a snapshot that lies in the jail.
  absl::StatusOr<std::unique_ptr<Machine>> LoadMachine(std::unique_ptr<Jail> jail,
                                                       const FirecrackerSnapshot& files,
                                                       std::chrono::milliseconds bound);
  absl::StatusOr<std::unique_ptr<Machine>> CloneMachine(const FirecrackerTemplate& from,
                                                        std::chrono::milliseconds bound);
  absl::StatusOr<std::unique_ptr<Machine>> ResumeMachine(std::chrono::milliseconds bound);
  absl::Status Greet(Machine& machine, std::chrono::milliseconds bound);
  absl::Status Begin(absl::StatusOr<std::unique_ptr<Machine>> machine);
  absl::Status Save(const FirecrackerVm& vm) const;
  // The machine of the state that is left, if it has one.
  absl::StatusOr<std::shared_ptr<Machine>> Leave(State from, State to);
  absl::Status Settle(State state, std::shared_ptr<Machine> machine);
  absl::Status Lost(const Machine& machine) const;

  const FirecrackerParts parts_;
  // Written before anybody else has this sandbox.
  std::vector<std::string> image_directories_;
  bool cloned_ = false;

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
