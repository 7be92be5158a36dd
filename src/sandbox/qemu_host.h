#ifndef HPCC_SANDBOX_QEMU_HOST_H_
#define HPCC_SANDBOX_QEMU_HOST_H_

// What all machines of one runtime have in common: the program, the kernel, and what this host can
// do.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/qemu_process.h"
#include "sandbox/runtime.h"
#include "sandbox/vm_vsock.h"

namespace hpcc {

struct QemuHost {
  std::string program;
  std::string directory;               // every machine has one of its own in it
  std::shared_ptr<Descriptor> kernel;  // a sealed file in memory, readable by any user
  bool kvm = false;
  uint64_t tsc_khz = 0;
  // Where machines are neither copies nor saved, and the host has it: how they are reached. Null:
  // by a virtio-serial port.
  std::shared_ptr<const VhostVsock> vsock;
};

// The kernel at `path` in memory: what a machine boots doesn't depend on who may read a file, nor
// on when it is replaced. NotFound: none there.
absl::StatusOr<Descriptor> LoadGuestKernel(const std::string& path);

// Whether a guest runs here: starts the kernel without a root, and sees whether it gets as far as
// missing it. Within some seconds.
bool GuestRuns(const QemuHost& host);

// Ticks of this processor's time stamp counter in a millisecond, measured once; 0: it isn't steady.
uint64_t TscKilohertz();

// A machine for `spec`: what its directory and its descriptors are comes later.
QemuLaunch LaunchFor(const QemuHost& host, const SandboxSpec& spec);

// A directory of one machine, with mode 0700; removed with all that is in it.
class MachineDirectory {
 public:
  static absl::StatusOr<MachineDirectory> Make(const std::string& parent, const std::string& id);
  MachineDirectory(MachineDirectory&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  MachineDirectory& operator=(MachineDirectory&&) = delete;
  ~MachineDirectory();

  const std::string& path() const { return path_; }

 private:
  explicit MachineDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QEMU_HOST_H_
