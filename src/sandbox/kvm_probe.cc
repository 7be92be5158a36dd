#include "sandbox/kvm_probe.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/detached_process.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using Stage = KvmProbe::Stage;

// What the child says, whole or not at all.
struct Verdict {
  Stage stage;
  int error;
};

constexpr int kStableVersion = 12;
constexpr size_t kPage = 4'096;
constexpr uint64_t kGuestAddress = 0x1000;
constexpr uint64_t kAnswer = 0x2a5c;

#if defined(__x86_64__)
// mov $0x2a5c, %ax ; hlt - in real mode, as a processor begins.
constexpr unsigned char kProgram[] = {0xb8, 0x5c, 0x2a, 0xf4};

Verdict RunProcessor(int processor, int system) {
  const int size = ioctl(system, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < static_cast<int>(sizeof(kvm_run))) return {Stage::kProcessor, errno};
  void* const shared =
      mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0);
  if (shared == MAP_FAILED) return {Stage::kProcessor, errno};

  kvm_sregs special;
  if (ioctl(processor, KVM_GET_SREGS, &special) != 0) return {Stage::kProcessor, errno};
  special.cs.base = 0;
  special.cs.selector = 0;
  if (ioctl(processor, KVM_SET_SREGS, &special) != 0) return {Stage::kProcessor, errno};
  kvm_regs registers{};
  registers.rip = kGuestAddress;
  registers.rflags = 2;  // the bit that is always set
  if (ioctl(processor, KVM_SET_REGS, &registers) != 0) return {Stage::kProcessor, errno};

  if (ioctl(processor, KVM_RUN, 0) != 0) return {Stage::kRun, errno};
  if (static_cast<const kvm_run*>(shared)->exit_reason != KVM_EXIT_HLT) return {Stage::kRun, 0};
  if (ioctl(processor, KVM_GET_REGS, &registers) != 0) return {Stage::kRun, errno};
  if ((registers.rax & 0xffff) != kAnswer) return {Stage::kRun, 0};
  return {Stage::kWorks, 0};
}
#else
constexpr unsigned char kProgram[] = {0};

// No program of this processor's is at hand: that one can be made must do.
Verdict RunProcessor(int, int) {
  return {Stage::kWorks, 0};
}
#endif

// In a copy of a process with threads: nothing here allocates or takes a lock. Descriptors and
// memory go with the process.
Verdict TryKvm(const char* device) {
  const int system = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (system < 0) return {Stage::kOpen, errno};
  const int version = ioctl(system, KVM_GET_API_VERSION, 0);
  if (version != kStableVersion) return {Stage::kVersion, version < 0 ? errno : 0};
  const int machine = ioctl(system, KVM_CREATE_VM, 0);
  if (machine < 0) return {Stage::kMachine, errno};

  void* const page =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return {Stage::kMemory, errno};
  memcpy(page, kProgram, sizeof(kProgram));
  kvm_userspace_memory_region region{};
  region.guest_phys_addr = kGuestAddress;
  region.memory_size = kPage;
  region.userspace_addr = reinterpret_cast<uint64_t>(page);
  if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) != 0) return {Stage::kMemory, errno};

  const int processor = ioctl(machine, KVM_CREATE_VCPU, 0);
  if (processor < 0) return {Stage::kProcessor, errno};
  return RunProcessor(processor, system);
}

std::string_view WhatFails(Stage stage) {
  switch (stage) {
    case Stage::kOpen:
      return "can't be opened";
    case Stage::kVersion:
      return "is not KVM's, or of another version";
    case Stage::kMachine:
      return "makes no virtual machine";
    case Stage::kMemory:
      return "gives a virtual machine no memory";
    case Stage::kProcessor:
      return "gives a virtual machine no processor";
    case Stage::kRun:
      return "runs no virtual processor";
    case Stage::kWorks:
      return "works";
  }
  return "";
}

std::string_view WhatToDo(Stage stage, int error) {
  if (stage == Stage::kOpen && error == ENOENT) {
    return "; load the kernel module kvm_intel or kvm_amd, and turn virtualisation on in the "
           "firmware (or, in a virtual machine, nested virtualisation at its host)";
  }
  if (stage == Stage::kOpen && (error == EACCES || error == EPERM)) {
    return "; run as root or as a member of the group kvm";
  }
  if (stage == Stage::kOpen) return "";
  return "; if this is a virtual machine, its host must offer nested virtualisation";
}

}  // namespace

std::string KvmProbe::ToText() const {
  if (works()) return "KVM works: a virtual processor ran";
  std::string text = StrCat("KVM doesn't work: /dev/kvm ", WhatFails(stage));
  if (timed_out) StrAppend(&text, " (it hangs)");
  if (error != 0) StrAppend(&text, " (", strerror(error), ")");
  StrAppend(&text, WhatToDo(stage, error));
  return text;
}

KvmProbe ProbeKvm(const std::string& device, std::chrono::milliseconds bound) {
  const absl::StatusOr<Pipe> pipe = OpenPipe();
  if (!pipe.ok()) return {.error = EMFILE};
  const pid_t child = fork();
  if (child < 0) return {.error = errno};
  if (child == 0) {
    const Verdict verdict = TryKvm(device.c_str());
    const bool told = write(pipe->write_end.get(), &verdict, sizeof(verdict)) ==
                      static_cast<ssize_t>(sizeof(verdict));
    _exit(told ? 0 : 1);
  }
  pollfd answer{pipe->read_end.get(), POLLIN, 0};
  int ready;
  while ((ready = poll(&answer, 1, static_cast<int>(bound.count()))) < 0 && errno == EINTR) {
  }
  Verdict verdict{Stage::kRun, 0};
  const bool told = ready > 0 && read(pipe->read_end.get(), &verdict, sizeof(verdict)) ==
                                     static_cast<ssize_t>(sizeof(verdict));
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return {.stage = verdict.stage, .error = verdict.error, .timed_out = !told};
}

}  // namespace hpcc
