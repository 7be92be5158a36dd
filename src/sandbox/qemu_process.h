#ifndef HPCC_SANDBOX_QEMU_PROCESS_H_
#define HPCC_SANDBOX_QEMU_PROCESS_H_

// One running QEMU: its process, the way to its guest's agent, and the way to QEMU itself.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/namespaces.h"
#include "sandbox/qemu_command.h"
#include "sandbox/qmp_client.h"
#include "sandbox/sandbox_cgroup.h"
#include "sandbox/vm_channel.h"
#include "sandbox/vm_vsock.h"
#include "sandbox/watched_process.h"

namespace hpcc {

// Of QEMU beside its guest's memory, at most: code, tables, what it translated (tb-size), threads'
// stacks.
inline constexpr uint64_t kQemuOwnMemory = uint64_t{512} << 20;

struct QemuLaunch {
  std::string program;    // path of qemu-system-x86_64
  std::string directory;  // of this machine alone; the sockets are made in it
  std::string id;         // for a cgroup's name
  QemuMachine machine;    // descriptors aside
  // Open files of this process; the kernel's must be readable by everybody.
  int kernel = -1;
  int root = -1;
  int memory = -1;
  int state = -1;  // what the machine comes from (QemuProcess::Load); -1: it boots
  // For a machine whose channel is a vsock: how it is reached.
  std::shared_ptr<const VsockClaim> vsock;
};

// Destroyed, it is killed. Not thread-safe, but for process().
class QemuProcess {
 public:
  // ResourceExhausted: as root, no user ids are left. NotFound: no such program. Unavailable: QEMU
  // ended at once; with what it said.
  static absl::StatusOr<std::unique_ptr<QemuProcess>> Launch(const QemuLaunch& launch,
                                                             std::chrono::milliseconds bound);
  ~QemuProcess();

  // A stream to the agent (AfterGreeting::kTalk), or the proof that nothing is under way in the
  // guest any more (kPark; the value is then no descriptor). Whoever had a stream has closed it.
  // Unimplemented: kPark of a machine with a vsock; nobody greets there.
  absl::StatusOr<Descriptor> Greet(AfterGreeting after, std::chrono::milliseconds bound);

  // Stops the machine, writes its state to the file `state`, and ends QEMU. With memory in a file
  // of its own that is shared, the state is without it. Where that fails the machine stands still.
  absl::Status Save(int state, std::chrono::milliseconds bound);
  // After a Save that failed: the machine goes on as it was.
  absl::Status GoOn(std::chrono::milliseconds bound);
  // For a machine launched with a state: goes on where it was saved.
  absl::Status Load(std::chrono::milliseconds bound);

  WatchedProcess& process() { return *process_; }
  const SandboxCgroup& cgroup() const { return *cgroup_; }
  // Of the user that QEMU is, as root; else nobody's.
  bool own_user() const { return ids_ != nullptr; }

 private:
  explicit QemuProcess(const QemuLaunch& launch) : launch_(launch) {}
  absl::StatusOr<Descriptor> ConnectToGuest(std::chrono::milliseconds bound);
  absl::Status LeaveOutSharedMemory(bool leave_out, std::chrono::milliseconds bound);

  QemuLaunch launch_;
  // In the order of what needs what: QEMU goes before its user and its cgroup do.
  std::unique_ptr<IdRange> ids_;
  std::unique_ptr<SandboxCgroup> cgroup_;
  std::unique_ptr<WatchedProcess> process_;
  std::unique_ptr<QmpClient> qmp_;
  bool migrating_ = false;  // QEMU was told to write its state
  int state_ = -1;          // the number of the state in QEMU
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QEMU_PROCESS_H_
