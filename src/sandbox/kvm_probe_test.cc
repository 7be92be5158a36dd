#include "sandbox/kvm_probe.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace hpcc {
namespace {

using ::testing::HasSubstr;

TEST(KvmProbeTest, ThisMachinesKvmWorksOrItSaysWhyNot) {
  const auto start = std::chrono::steady_clock::now();
  const KvmProbe probe = ProbeKvm();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  RecordProperty("kvm", probe.ToText());
  if (access("/dev/kvm", R_OK | W_OK) != 0) {
    EXPECT_EQ(probe.stage, KvmProbe::Stage::kOpen);
  } else {
    EXPECT_GT(probe.stage, KvmProbe::Stage::kOpen);
  }
  EXPECT_THAT(probe.ToText(), HasSubstr(probe.works() ? "KVM works" : "KVM doesn't work"));
}

TEST(KvmProbeTest, NoDeviceIsNoKvm) {
  const KvmProbe probe = ProbeKvm("/no/such/device");
  EXPECT_FALSE(probe.works());
  EXPECT_EQ(probe.stage, KvmProbe::Stage::kOpen);
  EXPECT_EQ(probe.error, ENOENT);
  EXPECT_THAT(probe.ToText(), HasSubstr("kvm_intel"));
}

TEST(KvmProbeTest, AnotherDeviceIsNoKvm) {
  for (const char* device : {"/dev/null", "/dev/zero"}) {
    const KvmProbe probe = ProbeKvm(device);
    EXPECT_EQ(probe.stage, KvmProbe::Stage::kVersion) << device;
    EXPECT_THAT(probe.ToText(), HasSubstr("is not KVM's"));
  }
}

TEST(KvmProbeTest, WhoMayNotOpenItIsToldSo) {
  const KvmProbe probe{.stage = KvmProbe::Stage::kOpen, .error = EACCES};
  EXPECT_THAT(probe.ToText(), HasSubstr("the group kvm"));
}

TEST(KvmProbeTest, AHangIsNamed) {
  const KvmProbe probe{.stage = KvmProbe::Stage::kRun, .timed_out = true};
  EXPECT_FALSE(probe.works());
  EXPECT_THAT(probe.ToText(), HasSubstr("it hangs"));
}

TEST(KvmProbeTest, NoProbeLeavesADescriptorOrAProcess) {
  const int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(before);
  for (int i = 0; i < 20; ++i) (void)ProbeKvm();
  const int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(after);
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace hpcc
