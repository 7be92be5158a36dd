#ifndef HPCC_SANDBOX_QEMU_COMMAND_H_
#define HPCC_SANDBOX_QEMU_COMMAND_H_

// The command line of QEMU 7.2 or later for one virtual machine.

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/vm_guest.h"

namespace hpcc {

// A machine of the type `microvm`: no PCI, no ACPI, no firmware beyond what loads the kernel, one
// read-only disk, a way to the agent (a virtio-serial port, or a vsock, as `guest` says), a serial
// console on QEMU's standard streams. No network device.
struct QemuMachine {
  bool kvm = false;  // else TCG
  uint32_t cpus = 1;
  uint64_t memory_bytes = 0;  // whole MiB
  uint64_t tsc_khz = 0;       // of the host, for TCG; 0: the guest finds out
  VmGuestSetup guest;
  uint32_t cid = 0;  // kVsock

  // Open in QEMU, under these numbers:
  int kernel = -1;
  int root = -1;
  int agent = -1;  // a listening Unix socket; kSerial
  int vsock = -1;  // the host's vhost-vsock device, which has the number `cid`; kVsock
  int qmp = -1;    // a connected one

  enum class Memory : uint8_t {
    kOwn,
    kShared,   // in the file `memory`, which the machine's state can then do without
    kPrivate,  // the file's bytes, and what is written to them is this machine's only
  };
  Memory memory_kind = Memory::kOwn;
  int memory = -1;  // not with kOwn

  bool incoming = false;  // it waits for `migrate-incoming`
};

// Threads of a QEMU at most: one for each processor, and what it needs beside them.
uint64_t QemuTasks(const QemuMachine& machine);

// Without the program. A pure function.
std::vector<std::string> QemuArguments(const QemuMachine& machine);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QEMU_COMMAND_H_
