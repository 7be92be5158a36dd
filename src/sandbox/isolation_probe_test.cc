#include "sandbox/isolation_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace hpcc {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr KvmProbe kWorks{.stage = KvmProbe::Stage::kWorks};
constexpr KvmProbe kNoKvm{.stage = KvmProbe::Stage::kOpen, .error = ENOENT};

// A PATH with programs that say what versions they are, and do nothing else.
class IsolationProbeTest : public ::testing::Test {
 protected:
  IsolationProbeTest() {
    std::string name = (fs::path(::testing::TempDir()) / "path-XXXXXX").string();
    place_ = mkdtemp(name.data());
  }
  ~IsolationProbeTest() override { fs::remove_all(place_); }

  void Install(const std::string& program, const std::string& says) {
    std::ofstream(place_ / program) << "#!/bin/sh\necho '" << says << "'\n";
    chmod((place_ / program).c_str(), 0755);
  }
  void InstallFirecracker(const std::string& version) {
    Install("firecracker", "Firecracker v" + version);
    Install("jailer", "Jailer v" + version);
  }
  IsolationFinding Firecracker(bool root = true, const KvmProbe& kvm = kWorks) const {
    return ProbeIsolations(place_.string(), root, kvm).at(0);
  }
  IsolationFinding Qemu(const KvmProbe& kvm) const {
    return ProbeIsolations(place_.string(), true, kvm).at(1);
  }

  fs::path place_;
};

TEST_F(IsolationProbeTest, FirecrackerNeedsItsJailerItsVersionKvmAndRoot) {
  EXPECT_THAT(Firecracker().reason, HasSubstr("no firecracker on PATH"));
  Install("firecracker", "Firecracker v1.16.1");
  EXPECT_THAT(Firecracker().reason, HasSubstr("not its jailer"));
  InstallFirecracker("1.16.0");
  EXPECT_THAT(Firecracker().reason, HasSubstr("too old"));
  InstallFirecracker("1.16.1");
  EXPECT_THAT(Firecracker(true, kNoKvm).reason, HasSubstr("KVM doesn't work"));
  EXPECT_THAT(Firecracker(false).reason, HasSubstr("run by root"));
  const IsolationFinding found = Firecracker();
  EXPECT_TRUE(found.usable);
  EXPECT_EQ(found.isolation, "firecracker-kvm");
  EXPECT_THAT(found.reason, HasSubstr("is 1.16.1"));
}

TEST_F(IsolationProbeTest, WhatIsNotUsableSaysNothingElse) {
  Install("firecracker", "hello");
  Install("jailer", "Jailer v1.16.1");
  EXPECT_FALSE(Firecracker().usable);
  InstallFirecracker("1.16.1");
  EXPECT_FALSE(Firecracker(false).usable);
  EXPECT_FALSE(Firecracker(true, kNoKvm).usable);
}

TEST_F(IsolationProbeTest, QemuEmulatesWhereThereIsNoKvm) {
  EXPECT_FALSE(Qemu(kWorks).usable);
  Install("qemu-system-x86_64", "QEMU emulator version 7.2.0");
  EXPECT_EQ(Qemu(kWorks).isolation, "qemu-kvm");
  EXPECT_TRUE(Qemu(kWorks).usable);
  EXPECT_EQ(Qemu(kNoKvm).isolation, "qemu-tcg");
  EXPECT_TRUE(Qemu(kNoKvm).usable);
  EXPECT_THAT(Qemu(kNoKvm).reason, HasSubstr("slower"));
}

TEST_F(IsolationProbeTest, ProcessSandboxesAreTriedLast) {
  const std::vector<IsolationFinding> findings = ProbeIsolations("relative::", true, kWorks);
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[2].isolation, "process");
  EXPECT_FALSE(findings[2].reason.empty());
}

}  // namespace
}  // namespace hpcc
