#ifndef HPCC_SANDBOX_VM_PROCESS_H_
#define HPCC_SANDBOX_VM_PROCESS_H_

// Starting a hypervisor as a process with as little as it needs: its own user, no capabilities,
// limits, and no descriptors but those it is given. It ends when this process does, however that
// ends. All functions are thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

struct VmProgram {
  std::string program;                 // a path
  std::vector<std::string> arguments;  // the first is its name
  std::vector<int> descriptors;        // become 0, 1, 2, ... there; nothing else is open
  // As root: the user and group it becomes, and the groups it is in besides. 0: this process's own.
  uint32_t user = 0;
  std::vector<gid_t> groups;
  // 0: as this process.
  uint64_t address_space_bytes = 0;
  uint64_t file_bytes = 0;  // of one file it writes
  uint64_t open_files = 0;
  uint64_t tasks = 0;  // of its user
};

struct VmProcess {
  pid_t process = -1;
  Descriptor descriptor;  // a pidfd. The caller reaps it (WatchedProcess does)
};

// Its environment is empty but for PATH. NotFound, PermissionDenied, ...: it could not be run.
absl::StatusOr<VmProcess> StartVmProcess(const VmProgram& program);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_PROCESS_H_
