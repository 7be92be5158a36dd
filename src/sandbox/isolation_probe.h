#ifndef HPCC_SANDBOX_ISOLATION_PROBE_H_
#define HPCC_SANDBOX_ISOLATION_PROBE_H_

// Which kinds of sandboxes a worker could have on this machine, found out by trying. For `hpcc
// doctor`: nothing here needs gRPC. CMake target: hpcc_isolation_probe.

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kvm_probe.h"

namespace hpcc {

struct IsolationFinding {
  std::string isolation;  // as Sandbox::isolation() says it: "firecracker-kvm"
  bool usable = false;
  std::string reason;  // why, and where it isn't, what is missing
};

// From the strongest to the weakest: firecracker-kvm, qemu-kvm or qemu-tcg, process. Programs are
// looked for in the directories of `search_path` (as in PATH) and asked for their versions. `root`:
// whether the worker would be root, which the jailer has to be. What `kvm` says is told as it is.
std::vector<IsolationFinding> ProbeIsolations(std::string_view search_path, bool root,
                                              const KvmProbe& kvm);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_ISOLATION_PROBE_H_
