#include "sandbox/vm_guest.h"

#include <gtest/gtest.h>

#include "base/file_system.h"
#include "base/strings.h"
#include "sandbox/sandbox_spec.h"

namespace hpcc {
namespace {

constexpr VmGuestSetup kSetup{.channel = VmGuestSetup::Channel::kVsock,
                              .memory_bytes = 2048,
                              .blob_bytes = uint64_t{5} << 30};

TEST(VmGuestSetupTest, ItIsWrittenAsItsGrammarSays) {
  EXPECT_EQ(EncodeGuestSetup(kSetup),
            "hpcc.guest=1 hpcc.channel=vsock hpcc.memory=2048 hpcc.blobs=5368709120");
}

TEST(VmGuestSetupTest, ItIsFoundAmongOtherWords) {
  const absl::StatusOr<VmGuestSetup> setup =
      DecodeGuestSetup(StrCat(GuestCommandLine(kSetup), " virtio_mmio.device=512@0xfeb00000:12\n"));
  ASSERT_TRUE(setup.ok()) << setup.status();
  EXPECT_EQ(*setup, kSetup);
}

TEST(VmGuestSetupTest, WhatIsMissingOrNoNumberIsRefused) {
  const std::string whole = EncodeGuestSetup(kSetup);
  EXPECT_FALSE(DecodeGuestSetup("").ok());
  EXPECT_FALSE(DecodeGuestSetup("quiet").ok());
  for (const char* word :
       {"hpcc.guest=1", "hpcc.channel=vsock", "hpcc.memory=2048", "hpcc.blobs=5368709120"}) {
    std::string changed = whole;
    changed.replace(changed.find(word), std::string(word).size(), std::string(word) + "x");
    EXPECT_FALSE(DecodeGuestSetup(changed).ok()) << changed;
  }
}

TEST(VmGuestSetupTest, TheCommandLineFitsWhatAnyKernelTakes) {
  EXPECT_LT(GuestCommandLine(kSetup).size(), 1024u);
}

TEST(VmGuestSetupTest, AMachineHasNoMoreProcessorsThanTheKernelIsBuiltFor) {
  const absl::StatusOr<std::string> kernel =
      ReadFile(FileSystem::Real(), HPCC_GUEST_KERNEL_CONFIG, 1 << 20);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_TRUE(StrContains(*kernel, StrCat("\nCONFIG_NR_CPUS=", kMaxGuestCpus, "\n")));
  SandboxSpec spec{
      .id = "a", .cpus = kMaxGuestCpus, .memory_bytes = 1 << 30, .blob_bytes = 1 << 20};
  EXPECT_TRUE(CheckMachineSpec(spec).ok());
  ++spec.cpus;
  EXPECT_TRUE(absl::IsInvalidArgument(CheckMachineSpec(spec)));
  EXPECT_TRUE(CheckSandboxSpec(spec).ok());
}

TEST(VmGuestSetupTest, MemoryIsWholeMebibytesAndMoreThanWhatIsAskedFor) {
  const SandboxSpec spec{.memory_bytes = (uint64_t{512} << 20) + 1, .blob_bytes = 64 << 20};
  EXPECT_EQ(GuestMemoryBytes(spec) % (1 << 20), 0u);
  EXPECT_GT(GuestMemoryBytes(spec), spec.memory_bytes + spec.blob_bytes);
}

}  // namespace
}  // namespace hpcc
