#ifndef HPCC_SANDBOX_SANDBOX_SPEC_H_
#define HPCC_SANDBOX_SANDBOX_SPEC_H_

// The rules of a SandboxSpec, which are every driver's.

#include "absl/status/status.h"
#include "sandbox/runtime.h"

namespace hpcc {

// InvalidArgument names the rule that is broken: ids become parts of paths, and a sandbox has a
// processor and some memory.
absl::Status CheckSandboxSpec(const SandboxSpec& spec);

// The same of one that is to be a virtual machine, which has at most kMaxGuestCpus processors.
absl::Status CheckMachineSpec(const SandboxSpec& spec);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_SANDBOX_SPEC_H_
