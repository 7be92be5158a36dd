#include "sandbox/vm_vsock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// As the kernel does: a number belongs to one open device.
class FakeKernel {
 public:
  VhostVsock::SetGuestCid set_guest_cid() {
    return [this](int device, uint64_t cid) {
      if (all_taken_) return EADDRINUSE;
      const auto [found, fresh] = owners_.emplace(cid, device);
      return fresh || found->second == device ? 0 : EADDRINUSE;
    };
  }
  void Take(uint64_t cid) { owners_[cid] = -1; }
  void TakeAll() { all_taken_ = true; }

 private:
  std::map<uint64_t, int> owners_;
  bool all_taken_ = false;
};

class VhostVsockTest : public ::testing::Test {
 protected:
  VhostVsockTest() { std::ofstream(device_) << ""; }
  ~VhostVsockTest() override { unlink(device_.c_str()); }

  const std::string device_ = ::testing::TempDir() + StrCat("vhost_vsock_", getpid());
  FakeKernel kernel_;
};

TEST_F(VhostVsockTest, EveryMachineHasANumberOfItsOwnAndNoneIsTheHosts) {
  const VhostVsock vsock(device_, kernel_.set_guest_cid());
  EXPECT_TRUE(vsock.Works());
  std::vector<VsockClaim> claims;
  std::set<uint32_t> cids;
  for (int i = 0; i < 100; ++i) {
    absl::StatusOr<VsockClaim> claim = vsock.Claim();
    ASSERT_TRUE(claim.ok()) << claim.status();
    EXPECT_TRUE(claim->device.valid());
    EXPECT_GE(claim->cid, VhostVsock::kFirstCid);
    EXPECT_LT(claim->cid, VhostVsock::kFirstCid + VhostVsock::kCids);
    cids.insert(claim->cid);
    claims.push_back(*std::move(claim));
  }
  EXPECT_EQ(cids.size(), 100u);
}

TEST_F(VhostVsockTest, ANumberThatAnotherProgramHasIsPassedOver) {
  const VhostVsock vsock(device_, kernel_.set_guest_cid());
  const uint32_t first = vsock.Claim()->cid;
  kernel_.Take(first + 1);
  kernel_.Take(first + 2);
  EXPECT_EQ(vsock.Claim()->cid, first + 3);
}

TEST_F(VhostVsockTest, WhereAllAreTakenItGivesUpAfterSomeTries) {
  kernel_.TakeAll();
  const VhostVsock vsock(device_, kernel_.set_guest_cid());
  EXPECT_TRUE(absl::IsResourceExhausted(vsock.Claim().status()));
  EXPECT_FALSE(vsock.Works());
}

TEST_F(VhostVsockTest, AHostWithoutTheDeviceOrWithAnotherOneInItsPlaceHasNone) {
  EXPECT_TRUE(absl::IsNotFound(VhostVsock("/no/such/device").Claim().status()));
  EXPECT_FALSE(VhostVsock("/no/such/device").Works());
  EXPECT_FALSE(VhostVsock(device_).Works()) << "a plain file is no vhost device";
  EXPECT_FALSE(VhostVsock("/dev/null").Works());
}

TEST(ConnectToVsockTest, AMachineThatIsNotThereIsGivenUpWithinTheBound) {
  const auto start = steady_clock::now();
  const absl::StatusOr<Descriptor> connection =
      ConnectToVsock(VhostVsock::kFirstCid + 12'345, 5252, milliseconds(200));
  EXPECT_FALSE(connection.ok());
  EXPECT_LT(steady_clock::now() - start, seconds(5));
}

}  // namespace
}  // namespace hpcc
