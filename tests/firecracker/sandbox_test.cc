// A sandbox of the firecracker driver from its start to its end, when all goes well.

#include <signal.h>

#include <atomic>

#include "base/process.h"
#include "firecracker_test_support.h"
#include "sandbox/firecracker_requests.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(FirecrackerTest, ACommandRunsInIt) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(sandbox_->isolation(), "firecracker-kvm");
  EXPECT_TRUE(sandbox_->alive());
  EXPECT_THAT(sandbox_->image_directories(), ::testing::Contains("/usr/include"));
  ExpectItWorks();
  sandbox_->Stop();
  EXPECT_FALSE(sandbox_->alive());
  EXPECT_TRUE(absl::IsUnavailable(Shell("true").status()));
}

TEST_F(FirecrackerTest, TheVmmIsToldWhatItNeedsInOrderAndNothingElse) {
  if (RealFirecracker()) GTEST_SKIP();
  ASSERT_TRUE(Start().ok());
  EXPECT_THAT(Requests(),
              ElementsAre("GET /version", "PUT /machine-config", "PUT /boot-source",
                          "PUT /drives/root", "PUT /vsock", "PUT /entropy", "PUT /actions"));
  const std::vector<Json> requests = Events("request");
  EXPECT_EQ(requests[1]["body"]["vcpu_count"], 2);
  EXPECT_GE(requests[1]["body"]["mem_size_mib"], 576);
  const std::string words = requests[2]["body"]["boot_args"];
  EXPECT_THAT(words, HasSubstr("hpcc.channel=vsock"));
  EXPECT_EQ(requests[3]["body"]["is_read_only"], true);
}

TEST_F(FirecrackerTest, TheJailerIsToldWhoItIs) {
  if (RealFirecracker()) GTEST_SKIP();
  ASSERT_TRUE(Start().ok());
  const Json vmm = Events("vmm").at(0);
  if (geteuid() == 0) {
    EXPECT_GE(vmm["user"], 0x5000'0000);
  }
  EXPECT_EQ(vmm["user"], vmm["group"]);
  EXPECT_THAT(Events("jailer").at(0)["arguments"], ::testing::Contains("--new-pid-ns"));
}

TEST_F(FirecrackerTest, TheAgentGetsTimeAndEntropyBeforeAnythingElse) {
  if (RealFirecracker()) GTEST_SKIP();
  ASSERT_TRUE(Start().ok());
  ExpectItWorks();
  ASSERT_TRUE(sandbox_->Suspend().ok());
  ASSERT_TRUE(sandbox_->Resume().ok());
  ExpectItWorks();
  const std::vector<Json> gifts = Events("gift");
  ASSERT_EQ(gifts.size(), 2u);
  const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  for (const Json& gift : gifts) {
    EXPECT_LT(now - gift["time_ns"].get<int64_t>(), 60'000'000'000);
    EXPECT_GE(gift["entropy"].get<std::string>().size(), 64u);
  }
  EXPECT_NE(gifts[0]["entropy"], gifts[1]["entropy"]);
}

TEST_F(FirecrackerTest, ItIsSuspendedAndResumedAgainAndAgain) {
  ASSERT_TRUE(Start().ok());
  for (int i = 0; i < 10; ++i) {
    ExpectItWorks();
    const absl::Status suspended = sandbox_->Suspend();
    ASSERT_TRUE(suspended.ok()) << suspended;
    EXPECT_TRUE(sandbox_->alive());
    EXPECT_EQ(Jails(), 1u);
    const absl::Status resumed = sandbox_->Resume();
    ASSERT_TRUE(resumed.ok()) << resumed;
    EXPECT_EQ(Jails(), 1u);
  }
  ExpectItWorks();
}

TEST_F(FirecrackerTest, ASuspendedOneRunsNoVmmAndNoCommand) {
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(sandbox_->Resume()));
  ASSERT_TRUE(sandbox_->Suspend().ok());
  if (!RealFirecracker()) {
    EXPECT_FALSE(Runs(LastVmm()));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(Shell("true").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(sandbox_->Suspend()));
  sandbox_->Stop();
  EXPECT_FALSE(sandbox_->alive());
  EXPECT_TRUE(absl::IsUnavailable(sandbox_->Resume()));
  EXPECT_EQ(Jails(), 0u);
}

TEST_F(FirecrackerTest, NoneIsSuspendedWhileACommandRuns) {
  ASSERT_TRUE(Start().ok());
  std::atomic<bool> enough{false};
  std::thread running([this, &enough] {
    EXPECT_TRUE(absl::IsCancelled(Shell("sleep 60", [&] { return enough.load(); }).status()));
  });
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_TRUE(absl::IsFailedPrecondition(sandbox_->Suspend()));
  enough = true;
  running.join();
  EXPECT_TRUE(sandbox_->Suspend().ok());
}

TEST_F(FirecrackerTest, StopEndsWhatRunsInIt) {
  ASSERT_TRUE(Start().ok());
  std::thread running([this] { EXPECT_TRUE(absl::IsUnavailable(Shell("sleep 60").status())); });
  std::this_thread::sleep_for(milliseconds(500));
  const auto start = steady_clock::now();
  sandbox_->Stop();
  running.join();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(FirecrackerTest, ASpecThatNoMicrovmCanHaveIsRefused) {
  const auto runtime = FirecrackerRuntime::Create(Options());
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  SandboxSpec spec{.id = "x", .tenant = "a", .image = "toolchain", .cpus = 33};
  EXPECT_TRUE(absl::IsInvalidArgument((*runtime)->Start(spec, kBoot).status()));
  spec.cpus = 1;
  spec.image = "another";
  EXPECT_TRUE(absl::IsNotFound((*runtime)->Start(spec, kBoot).status()));
}

// Run by the test below, in a process of its own.
TEST_F(FirecrackerTest, DISABLED_StartAndDie) {
  ASSERT_TRUE(Start().ok());
  kill(getpid(), SIGKILL);
}

TEST_F(FirecrackerTest, WhatAKilledWorkerLeftIsGoneBeforeTheNextStarts) {
  if (RealFirecracker()) GTEST_SKIP();
  Environment environment = Environment::OfThisProcess();
  environment.Set("HPCC_TEST_PLACE", place_.string());
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({"/proc/self/exe", "--gtest_also_run_disabled_tests",
                   "--gtest_filter=FirecrackerTest.DISABLED_StartAndDie"},
                  environment);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->exit.signal, SIGKILL) << run->out;
  EXPECT_EQ(Jails(), 1u);
  EXPECT_TRUE(Runs(LastVmm()));
  ASSERT_TRUE(FirecrackerRuntime::Create(Options()).ok());
  ExpectNothingLeft();
}

}  // namespace
}  // namespace hpcc
