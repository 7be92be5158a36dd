#include "sandbox/qemu_command.h"

#include "base/strings.h"

namespace hpcc {

namespace {

// The main one, RCU's, and those that wait for the disk, of which QEMU has 64 at most; and again as
// many, for a version that has more.
constexpr uint64_t kTasksBesideProcessors = 128;

// A reset ends QEMU (-no-reboot), and a triple fault is the one that needs no device. A guest on a
// busy host often takes its TSC for broken, and every look at the clock leaves the guest then.
std::string KernelCommandLine(const QemuMachine& machine) {
  std::string line = "console=ttyS0 reboot=t ";
  if (machine.tsc_khz != 0) {
    StrAppend(&line, "tsc=reliable tsc_early_khz=", machine.tsc_khz, " ");
  }
  return line + GuestCommandLine(machine.guest);
}

// Always an object of the same name: states are exchanged between all three kinds.
std::string MemoryObject(const QemuMachine& machine) {
  const std::string size = StrCat(",id=ram,size=", machine.memory_bytes >> 20, "M");
  if (machine.memory_kind == QemuMachine::Memory::kOwn) return "memory-backend-ram" + size;
  const bool shared = machine.memory_kind == QemuMachine::Memory::kShared;
  return StrCat("memory-backend-file", size, ",mem-path=/proc/self/fd/", machine.memory,
                shared ? ",share=on" : ",share=off");
}

// A vsock is no device of the first virtio standard, which QEMU's buses speak unless told
// otherwise.
void AddChannel(const QemuMachine& machine, std::vector<std::string>* arguments) {
  if (machine.guest.channel == VmGuestSetup::Channel::kVsock) {
    arguments->insert(arguments->end(), {"-global", "virtio-mmio.force-legacy=false", "-device",
                                         StrCat("vhost-vsock-device,guest-cid=", machine.cid,
                                                ",vhostfd=", machine.vsock)});
    return;
  }
  arguments->insert(arguments->end(),
                    {"-device", "virtio-serial-device", "-chardev",
                     StrCat("socket,id=agent,fd=", machine.agent, ",server=on,wait=off"), "-device",
                     "virtserialport,chardev=agent,name=hpcc.agent"});
}

}  // namespace

uint64_t QemuTasks(const QemuMachine& machine) {
  return kTasksBesideProcessors + machine.cpus;
}

std::vector<std::string> QemuArguments(const QemuMachine& machine) {
  std::vector<std::string> arguments = {
      // clang-format off
      "-M", "microvm,x-option-roms=off,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on,"
            "memory-backend=ram",
      "-accel", machine.kvm ? "kvm" : "tcg,thread=multi,tb-size=128",
      "-cpu", machine.kvm ? "host" : "max",
      "-smp", StrCat(machine.cpus),
      "-m", StrCat(machine.memory_bytes >> 20, "M"),
      "-object", MemoryObject(machine),
      "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
      "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
      "-chardev", StrCat("socket,id=qmp,fd=", machine.qmp), "-mon", "chardev=qmp,mode=control",
      "-kernel", StrCat("/proc/self/fd/", machine.kernel),
      "-append", KernelCommandLine(machine),
      "-add-fd", StrCat("fd=", machine.root, ",set=1"),
      "-drive", "id=root,file=/dev/fdset/1,format=raw,if=none,readonly=on",
      "-device", "virtio-blk-device,drive=root",
      // clang-format on
  };
  AddChannel(machine, &arguments);
  if (machine.incoming) {
    arguments.emplace_back("-incoming");
    arguments.emplace_back("defer");
  }
  return arguments;
}

}  // namespace hpcc
