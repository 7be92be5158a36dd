#include "sandbox/firecracker_machine.h"

#include <unistd.h>

#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/vm_channel.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

// What the VMM sees in its jail.
constexpr std::string_view kKernel = "kernel";
constexpr std::string_view kRoot = "root.img";

// A panic or the agent's end resets the machine, which ends the VMM. There is no console device but
// what the kernel says in its last words.
constexpr std::string_view kOwnWords = "console=ttyS0 reboot=k 8250.nr_uarts=1 ";

std::string InJail(std::string_view name) {
  return StrCat("/", name);
}

FirecrackerMachine MachineFor(const SandboxSpec& spec) {
  const VmGuestSetup setup{.channel = VmGuestSetup::Channel::kVsock,
                           .memory_bytes = spec.memory_bytes,
                           .blob_bytes = spec.blob_bytes};
  return {.kernel = InJail(kKernel),
          .boot_arguments = StrCat(kOwnWords, GuestCommandLine(setup)),
          .root = InJail(kRoot),
          .vsock = InJail(kJailVsock),
          .cpus = spec.cpus,
          .memory_bytes = GuestMemoryBytes(spec)};
}

}  // namespace

uint32_t FirecrackerParts::user() const {
  return ids != nullptr ? ids->first() : geteuid();
}

absl::Status TakeUser(FirecrackerParts& parts) {
  if (geteuid() != 0) return absl::OkStatus();
  parts.ids = IdRange::Take();
  if (parts.ids == nullptr) return absl::ResourceExhaustedError("sandbox: no user ids are left");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Jail>> MakeFirecrackerJail(const FirecrackerParts& parts) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Jail> jail, Jail::Make(parts.jailer, parts.user()));
  HPCC_RETURN_IF_ERROR(jail->Provide(parts.kernel, kKernel));
  HPCC_RETURN_IF_ERROR(jail->Provide(parts.root.path, kRoot));
  return jail;
}

absl::StatusOr<std::unique_ptr<FirecrackerVm>> LaunchFirecracker(const FirecrackerParts& parts,
                                                                 std::unique_ptr<Jail> jail,
                                                                 milliseconds bound) {
  const JailLimits limits{.cpus = parts.spec.cpus, .memory_bytes = GuestMemoryBytes(parts.spec)};
  return FirecrackerVm::Launch(parts.jailer, std::move(jail), limits, bound);
}

absl::StatusOr<std::unique_ptr<FirecrackerVm>> BootFirecracker(const FirecrackerParts& parts,
                                                               milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Jail> jail, MakeFirecrackerJail(parts));
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<FirecrackerVm> vm,
                        LaunchFirecracker(parts, std::move(jail), deadline.left()));
  for (const FirecrackerRequest& request : BootRequests(MachineFor(parts.spec))) {
    HPCC_RETURN_IF_ERROR(vm->Tell(request, std::min(kFirecrackerRequest, deadline.left())));
  }
  return vm;
}

absl::StatusOr<AgentHealth> GreetFirecracker(FirecrackerConversation& machine,
                                             const AgentGift& gift, milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  HPCC_ASSIGN_OR_RETURN(Descriptor stream, machine.vm->Connect(kAgentVsockPort, deadline.left()));
  machine.agent = std::make_unique<AgentClient>(std::move(stream));
  absl::StatusOr<AgentHealth> health = machine.agent->Health(deadline.left(), gift);
  if (health.ok()) return health;
  machine.vm->Kill();
  return absl::Status(health.status().code(),
                      StrCat("the guest's agent: ", std::string(health.status().message()), "; ",
                             machine.vm->Said()));
}

}  // namespace hpcc
