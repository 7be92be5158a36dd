#ifndef HPCC_SANDBOX_FIRECRACKER_MACHINE_H_
#define HPCC_SANDBOX_FIRECRACKER_MACHINE_H_

// What the machines of the firecracker driver are made of, whether they serve a tenant or are
// templates: a jail with the kernel and the root, a VMM in it, and the words to boot it or to load
// a snapshot.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/agent_client.h"
#include "sandbox/firecracker_vm.h"
#include "sandbox/jailer_command.h"
#include "sandbox/jailer_jail.h"
#include "sandbox/namespaces.h"
#include "sandbox/runtime.h"
#include "sandbox/vm_root.h"

namespace hpcc {

// When something has to be over.
class FirecrackerDeadline {
 public:
  explicit FirecrackerDeadline(std::chrono::milliseconds bound)
      : at_(std::chrono::steady_clock::now() + bound) {}
  std::chrono::milliseconds left() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        at_ - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }

 private:
  const std::chrono::steady_clock::time_point at_;
};

// What a sandbox needs again whenever it gets another VMM.
struct FirecrackerParts {
  SandboxSpec spec;
  JailerSettings jailer;
  std::string kernel;
  PreparedRoot root;
  std::unique_ptr<IdRange> ids;  // null: this process isn't root, and the user is its own

  uint32_t user() const;
};

// ResourceExhausted: no user ids are left. Takes some, when this process is root.
absl::Status TakeUser(FirecrackerParts& parts);

// For a VMM that boots, or one that loads a snapshot: the kernel and the root are in it.
absl::StatusOr<std::unique_ptr<Jail>> MakeFirecrackerJail(const FirecrackerParts& parts);

// A VMM in the jail that has been told nothing yet.
absl::StatusOr<std::unique_ptr<FirecrackerVm>> LaunchFirecracker(const FirecrackerParts& parts,
                                                                 std::unique_ptr<Jail> jail,
                                                                 std::chrono::milliseconds bound);
// One whose guest has begun to boot.
absl::StatusOr<std::unique_ptr<FirecrackerVm>> BootFirecracker(const FirecrackerParts& parts,
                                                               std::chrono::milliseconds bound);

// A VMM and its agent; the conversation ends before the VMM does.
struct FirecrackerConversation {
  std::unique_ptr<FirecrackerVm> vm;
  std::unique_ptr<AgentClient> agent;
};

// Connects to the agent as soon as it listens, and gives it `gift` with the first word. On an error
// the VMM is dead; the message has what it said.
absl::StatusOr<AgentHealth> GreetFirecracker(FirecrackerConversation& machine,
                                             const AgentGift& gift,
                                             std::chrono::milliseconds bound);

// The longest for one request that moves no memory, and for memory to go to the disk.
inline constexpr std::chrono::milliseconds kFirecrackerRequest{10'000};
inline constexpr std::chrono::milliseconds kFirecrackerSave{120'000};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_MACHINE_H_
