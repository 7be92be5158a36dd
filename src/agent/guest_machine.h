#ifndef HPCC_AGENT_GUEST_MACHINE_H_
#define HPCC_AGENT_GUEST_MACHINE_H_

// What the first process of a virtual machine does to the machine itself.

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent_service.h"
#include "base/posix_descriptor.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

inline constexpr size_t kMostEntropyBytes = 512;

// Mounts /proc and /sys (the kernel has mounted /dev), reads what the driver said, and sees to it
// that no exec's hunger for memory ends the agent.
absl::StatusOr<VmGuestSetup> PrepareGuest();

// A cgroup that takes the groups of all commands (agent/command_group.h) together, and no more than
// `memory_bytes`; the value is open on its directory. What commands write to their stages counts
// there too. A machine whose memory is used up by what no kill frees, such as files, would
// otherwise find nobody to kill and panic.
absl::StatusOr<Descriptor> MakeCommandGroup(uint64_t memory_bytes);

// Sets the clock, and makes the kernel's random numbers depend on the worker's entropy from now
// on: two machines cloned from one draw different ones. InvalidArgument: too much entropy, or a
// time before 1970.
absl::Status AdoptTimeAndEntropy(const agent_v1::HealthRequest& request);

// Resets the machine, which its hypervisor takes for its end.
[[noreturn]] void PowerOff();

}  // namespace hpcc

#endif  // HPCC_AGENT_GUEST_MACHINE_H_
