#ifndef HPCC_SANDBOX_VM_ROOT_H_
#define HPCC_SANDBOX_VM_ROOT_H_

// Where a driver of virtual machines finds the root file system of an image: a squashfs file with
// the agent at kGuestAgentPath (sandbox/vm_guest.h) and the directories /dev, /proc, /sys, /tmp.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace hpcc {

struct PreparedRoot {
  std::string path;                  // of a file that never changes
  std::shared_ptr<const void> hold;  // while it lives the file stays; may be null
};

// NotFound: no such image here. Called from any thread.
using RootProvider = std::function<absl::StatusOr<PreparedRoot>(const std::string& image)>;

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_ROOT_H_
