#include "sandbox/qemu_command.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "sandbox/vm_channel.h"

namespace hpcc {
namespace {

QemuMachine Machine() {
  return {.cpus = 2,
          .memory_bytes = uint64_t{2176} << 20,
          .tsc_khz = 2'400'000,
          .guest = {.memory_bytes = uint64_t{2} << 30, .blob_bytes = 64 << 20},
          .kernel = 3,
          .root = 4,
          .agent = 5,
          .qmp = 6};
}

std::string After(const std::vector<std::string>& arguments, const std::string& option) {
  const auto found = std::find(arguments.begin(), arguments.end(), option);
  return found == arguments.end() ? "" : *(found + 1);
}

TEST(QemuArgumentsTest, EveryProcessorHasItsThreadBesideTheOthers) {
  QemuMachine machine = Machine();
  const uint64_t of_two = QemuTasks(machine);
  EXPECT_GE(of_two, 2u + 64u + 2u);
  machine.cpus = kMaxGuestCpus;
  EXPECT_EQ(QemuTasks(machine), of_two + kMaxGuestCpus - 2);
}

TEST(QemuArgumentsTest, GoldenCommandLineOfAnEmulatedMachine) {
  EXPECT_EQ(
      StrJoin(QemuArguments(Machine()), "\n"),
      "-M\nmicrovm,x-option-roms=off,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on,"
      "memory-backend=ram\n"
      "-accel\ntcg,thread=multi,tb-size=128\n-cpu\nmax\n-smp\n2\n-m\n2176M\n"
      "-object\nmemory-backend-ram,id=ram,size=2176M\n"
      "-nodefaults\n-no-user-config\n-nographic\n-no-reboot\n"
      "-sandbox\non,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n"
      "-chardev\nstdio,id=console,signal=off\n-serial\nchardev:console\n"
      "-chardev\nsocket,id=qmp,fd=6\n-mon\nchardev=qmp,mode=control\n"
      "-kernel\n/proc/self/fd/3\n"
      "-append\nconsole=ttyS0 reboot=t tsc=reliable tsc_early_khz=2400000 "
      "root=/dev/vda ro rootfstype=squashfs init=/.hpcc/agent quiet panic=-1 random.trust_cpu=on "
      "hpcc.guest=1 hpcc.channel=serial hpcc.memory=2147483648 hpcc.blobs=67108864\n"
      "-add-fd\nfd=4,set=1\n-drive\nid=root,file=/dev/fdset/1,format=raw,if=none,readonly=on\n"
      "-device\nvirtio-blk-device,drive=root\n-device\nvirtio-serial-device\n"
      "-chardev\nsocket,id=agent,fd=5,server=on,wait=off\n"
      "-device\nvirtserialport,chardev=agent,name=hpcc.agent");
}

TEST(QemuArgumentsTest, WithKvmItHasTheHostsProcessorAndItsClock) {
  QemuMachine machine = Machine();
  machine.kvm = true;
  machine.tsc_khz = 0;
  const std::vector<std::string> arguments = QemuArguments(machine);
  EXPECT_EQ(After(arguments, "-accel"), "kvm");
  EXPECT_EQ(After(arguments, "-cpu"), "host");
  EXPECT_FALSE(StrContains(After(arguments, "-append"), "tsc"));
}

TEST(QemuArgumentsTest, ATemplateSharesItsMemoryAndACloneDoesNot) {
  QemuMachine machine = Machine();
  machine.memory = 7;
  machine.memory_kind = QemuMachine::Memory::kShared;
  EXPECT_EQ(After(QemuArguments(machine), "-object"),
            "memory-backend-file,id=ram,size=2176M,mem-path=/proc/self/fd/7,share=on");
  machine.memory_kind = QemuMachine::Memory::kPrivate;
  machine.incoming = true;
  EXPECT_EQ(After(QemuArguments(machine), "-object"),
            "memory-backend-file,id=ram,size=2176M,mem-path=/proc/self/fd/7,share=off");
  EXPECT_EQ(After(QemuArguments(machine), "-incoming"), "defer");
}

TEST(QemuArgumentsTest, WithAVsockTheGuestHearsOfItAndThereIsNoPort) {
  QemuMachine machine = Machine();
  machine.guest.channel = VmGuestSetup::Channel::kVsock;
  machine.agent = -1;
  machine.vsock = 5;
  machine.cid = 1'073'741'824;
  const std::vector<std::string> arguments = QemuArguments(machine);
  EXPECT_TRUE(StrContains(After(arguments, "-append"), "hpcc.channel=vsock"));
  EXPECT_EQ(After(arguments, "-global"), "virtio-mmio.force-legacy=false");
  const std::string line = StrJoin(arguments, " ");
  EXPECT_TRUE(StrContains(line, "-device vhost-vsock-device,guest-cid=1073741824,vhostfd=5"))
      << line;
  EXPECT_FALSE(StrContains(line, "virtio-serial")) << line;
  EXPECT_FALSE(StrContains(line, "id=agent")) << line;
}

TEST(QemuArgumentsTest, TheresNoNetworkAndThePortIsTheOneTheAgentLooksFor) {
  const std::string line = StrJoin(QemuArguments(Machine()), " ");
  EXPECT_FALSE(StrContains(line, "net"));
  EXPECT_TRUE(StrContains(line, StrCat("name=", kAgentPortName)));
}

}  // namespace
}  // namespace hpcc
