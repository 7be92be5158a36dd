#ifndef HPCC_SANDBOX_VM_GUEST_H_
#define HPCC_SANDBOX_VM_GUEST_H_

// What a driver tells the agent in a virtual machine, in words on the kernel's command line: the
// agent is the first process there and reads /proc/cmdline. The kernel passes over words with a dot
// that it doesn't know.
//
//   words = "hpcc.guest=1" " hpcc.channel=" ("serial" | "vsock") " hpcc.memory=" n " hpcc.blobs=" n
//
// n are bytes in decimal. What else stands on the line is the kernel's and the driver's.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sandbox/runtime.h"

namespace hpcc {

// Processors of a machine: CONFIG_NR_CPUS of deploy/guest/kernel.config. With more, the guest runs
// on so many and says nothing.
inline constexpr uint32_t kMaxGuestCpus = 16;

inline constexpr std::string_view kGuestAgentPath = "/.hpcc/agent";  // in every prepared root

struct VmGuestSetup {
  enum class Channel : uint8_t { kSerial, kVsock };
  Channel channel = Channel::kSerial;
  uint64_t memory_bytes = 0;  // of all execs together
  uint64_t blob_bytes = 0;

  friend bool operator==(const VmGuestSetup&, const VmGuestSetup&) = default;
};

std::string EncodeGuestSetup(const VmGuestSetup& setup);
// InvalidArgument: not such a command line.
absl::StatusOr<VmGuestSetup> DecodeGuestSetup(std::string_view command_line);

// What every driver's guest has on its command line: its root is the first virtio disk, read-only
// squashfs; its first process the agent; a panic, or the agent's end, resets the machine at once.
// A driver adds its own words (console=..., reboot=...) before or after.
std::string GuestCommandLine(const VmGuestSetup& setup);

// The memory of a machine for `spec`, in bytes, whole MiB: what execs and blobs may use, and what
// the kernel and the agent need beside it.
uint64_t GuestMemoryBytes(const SandboxSpec& spec);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_GUEST_H_
