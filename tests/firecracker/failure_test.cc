// Everything that can go wrong between the driver and a VMM, one at a time. Each failure has a
// name, a bound, and leaves nothing behind (the fixture looks).

#include <signal.h>

#include "firecracker_test_support.h"
#include "sandbox/firecracker_vm.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class FirecrackerFailureTest : public FirecrackerTest {
 protected:
  void SetUp() override {
    if (RealFirecracker()) GTEST_SKIP() << "faults are injected into the double only";
  }
  // Starts it with a fault.
  absl::Status StartWith(const Json& faults, milliseconds bound = kBoot) {
    Inject(faults);
    return Start(bound);
  }
};

TEST_F(FirecrackerFailureTest, ARefusedConfigurationIsReportedInTheVmmsWords) {
  for (const char* request : {"PUT /machine-config", "PUT /boot-source", "PUT /drives/root",
                              "PUT /vsock", "PUT /entropy", "PUT /actions"}) {
    const absl::Status status = StartWith({{"refuse", {{request, "because it is Saturday"}}}});
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(request));
    EXPECT_THAT(std::string(status.message()), HasSubstr("because it is Saturday"));
    ExpectNothingLeft();
  }
}

TEST_F(FirecrackerFailureTest, AVmmThatEndsAtAnyStepIsReportedWithWhatItSaid) {
  for (const char* request : {"GET /version", "PUT /boot-source", "PUT /actions"}) {
    const auto start = steady_clock::now();
    const absl::Status status = StartWith({{"exit_at", request}});
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_LT(steady_clock::now() - start, seconds(10));
    if (std::string_view(request) != "GET /version") {
      EXPECT_THAT(std::string(status.message()), HasSubstr("told to end at"));
    }
  }
}

TEST_F(FirecrackerFailureTest, AVmmThatEndsBeforeItListensIsReportedAtOnce) {
  const auto start = steady_clock::now();
  const absl::Status status = StartWith({{"exit_at_once", true}});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("told to end at once"));
  EXPECT_LT(steady_clock::now() - start, seconds(10));
}

TEST_F(FirecrackerFailureTest, AVmmThatNeverListensIsGivenUp) {
  const absl::Status status = StartWith({{"no_api", true}}, milliseconds(2000));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(FirecrackerFailureTest, AnApiThatHangsIsGivenUp) {
  for (const char* request : {"GET /version", "PUT /vsock"}) {
    const auto start = steady_clock::now();
    const absl::Status status = StartWith({{"hang_at", request}}, milliseconds(3000));
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    EXPECT_LT(steady_clock::now() - start, seconds(8));
  }
}

TEST_F(FirecrackerFailureTest, AHandshakeThatIsNoneIsNamed) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(StartWith({{"handshake", "half"}}, milliseconds(3000))));
  EXPECT_TRUE(absl::IsDeadlineExceeded(StartWith({{"handshake", "silent"}}, milliseconds(3000))));
  EXPECT_TRUE(absl::IsDataLoss(StartWith({{"handshake", "break"}})));
  EXPECT_TRUE(absl::IsInternal(StartWith({{"handshake", "garbage"}})));
}

TEST_F(FirecrackerFailureTest, AGuestThatStillBootsIsAskedAgain) {
  ASSERT_TRUE(StartWith({{"booting", 5}}).ok());
  EXPECT_EQ(Events("connect").size(), 6u);
  ExpectItWorks();
}

TEST_F(FirecrackerFailureTest, AGuestThatNeverListensIsGivenUp) {
  const absl::Status status = StartWith({{"booting", 1'000'000}}, milliseconds(3000));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(FirecrackerFailureTest, TheVmmsDeathIsSeenAtOnce) {
  ASSERT_TRUE(Start().ok());
  std::thread running([this] { EXPECT_TRUE(absl::IsUnavailable(Shell("sleep 60").status())); });
  std::this_thread::sleep_for(milliseconds(500));
  const auto start = steady_clock::now();
  kill(LastVmm(), SIGKILL);
  while (sandbox_->alive() && steady_clock::now() - start < seconds(5)) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_LT(steady_clock::now() - start, seconds(1));
  running.join();
  EXPECT_LT(steady_clock::now() - start, seconds(3));
}

TEST_F(FirecrackerFailureTest, AStreamThatIsLostIsTheSandboxsEnd) {
  ASSERT_TRUE(Start().ok());
  std::thread running([this] { EXPECT_TRUE(absl::IsUnavailable(Shell("sleep 60").status())); });
  std::this_thread::sleep_for(milliseconds(500));
  kill(LastVmm(), SIGUSR1);
  running.join();
  EXPECT_FALSE(sandbox_->alive());
  EXPECT_FALSE(Runs(LastVmm()));
  EXPECT_TRUE(absl::IsUnavailable(Shell("true").status()));
}

TEST_F(FirecrackerFailureTest, VersionsThatWontDoAreRefused) {
  absl::Status status = StartWith({{"program_version", "1.16.0"}, {"jailer_version", "1.16.0"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("1.16.0 is too old"));
  status = StartWith({{"jailer_version", "1.17.0"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  // The program on the disk was exchanged since.
  status = StartWith({{"version", "1.15.2"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(FirecrackerFailureTest, AJailerThatRefusesOrHangsIsReported) {
  absl::Status status = StartWith({{"jailer_refuses", "no such group"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no such group"));
  status = StartWith({{"jailer_hangs", true}}, milliseconds(2000));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(FirecrackerFailureTest, ProgramsOrKernelsThatAreNotThereAreNotFound) {
  FirecrackerRuntimeOptions options = Options();
  options.jailer.jailer = "/no/such/jailer";
  EXPECT_TRUE(absl::IsNotFound(FirecrackerRuntime::Create(options).status()));
  options = Options();
  options.kernel = "/no/such/kernel";
  EXPECT_TRUE(absl::IsNotFound(FirecrackerRuntime::Create(options).status()));
}

TEST_F(FirecrackerFailureTest, OneThatCantBeSavedGoesOn) {
  ASSERT_TRUE(StartWith({{"refuse", {{"PUT /snapshot/create", "no space left"}}}}).ok());
  const absl::Status status = sandbox_->Suspend();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no space left"));
  ExpectItWorks();
}

TEST_F(FirecrackerFailureTest, AVmmThatEndsWhileItIsSavedIsLost) {
  ASSERT_TRUE(StartWith({{"exit_at", "PUT /snapshot/create"}}).ok());
  EXPECT_TRUE(absl::IsUnavailable(sandbox_->Suspend()));
  EXPECT_FALSE(sandbox_->alive());
}

TEST_F(FirecrackerFailureTest, ASnapshotThatCantBeLoadedIsLost) {
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(sandbox_->Suspend().ok());
  Inject({{"refuse", {{"PUT /snapshot/load", "another processor"}}}});
  const absl::Status status = sandbox_->Resume();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another processor"));
  EXPECT_FALSE(sandbox_->alive());
  EXPECT_TRUE(absl::IsUnavailable(Shell("true").status()));
}

TEST_F(FirecrackerFailureTest, AVsockThatIsUnreachableAfterALoadIsLost) {
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(sandbox_->Suspend().ok());
  Inject({{"handshake", "break"}});
  EXPECT_TRUE(absl::IsUnavailable(sandbox_->Resume()));
  EXPECT_FALSE(sandbox_->alive());
}

// The double itself: it would say so if the driver said what Firecracker doesn't take.
class FirecrackerDoubleTest : public FirecrackerFailureTest {
 protected:
  void SetUp() override {
    FirecrackerFailureTest::SetUp();
    if (IsSkipped()) return;
    const JailerSettings settings = Options().jailer;
    absl::StatusOr<std::unique_ptr<Jail>> jail = Jail::Make(settings, geteuid());
    ASSERT_TRUE(jail.ok()) << jail.status();
    ASSERT_TRUE((*jail)->Provide(Path("vmlinux"), "kernel").ok());
    ASSERT_TRUE((*jail)->Provide(Path("root.img"), "root.img").ok());
    auto vm = FirecrackerVm::Launch(settings, *std::move(jail), {}, kBoot);
    ASSERT_TRUE(vm.ok()) << vm.status();
    vm_ = *std::move(vm);
  }
  void TearDown() override {
    vm_.reset();
    Write("journal", "", 0666);  // what is wrong in it was meant to be
  }

  std::string Refused(const std::string& method, const std::string& path, const std::string& body) {
    const absl::Status status = vm_->Tell({method, path, body}, seconds(10));
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << method << path << body << status;
    return std::string(status.message());
  }
  FirecrackerMachine Machine() const {
    return {.kernel = "/kernel",
            .boot_arguments = "",
            .root = "/root.img",
            .vsock = "/v.sock",
            .memory_bytes = uint64_t{64} << 20};
  }

  std::unique_ptr<FirecrackerVm> vm_;
};

TEST_F(FirecrackerDoubleTest, RequestsOutsideTheDescriptionAreRefused) {
  const std::string_view kNot = "not as described";
  for (const auto& [path, body] : std::vector<std::pair<std::string, std::string>>{
           {"/network-interfaces/eth0", "{}"},
           {"/actions", ""},
           {"/actions", R"({"action_type":"Reboot"})"},
           {"/machine-config", R"({"vcpu_count":33,"mem_size_mib":64})"},
           {"/machine-config", R"({"vcpu_count":true,"mem_size_mib":64})"},
           {"/machine-config", R"({"vcpu_count":1})"},
           {"/machine-config", R"({"vcpu_count":1,"mem_size_mib":64,"ht_enabled":false})"},
           {"/vsock", R"({"guest_cid":2,"uds_path":"/v"})"},
           {"/drives/other", R"({"drive_id":"root","is_root_device":true})"},
           {"/boot-source", "no json"}}) {
    EXPECT_THAT(Refused("PUT", path, body), HasSubstr(std::string(kNot))) << path << body;
  }
  EXPECT_EQ(Events("wrong").size(), 10u);
}

TEST_F(FirecrackerDoubleTest, TheOrderOfThingsIsFirecrackers) {
  Refused("PATCH", "/vm", R"({"state":"Paused"})");
  Refused("PUT", "/actions", R"({"action_type":"InstanceStart"})");
  FirecrackerMachine machine = Machine();
  machine.kernel = "/nothing";
  const FirecrackerRequest no_kernel = SetBootSource(machine);
  Refused(no_kernel.method, no_kernel.path, no_kernel.body);
  for (const FirecrackerRequest& request : BootRequests(Machine())) {
    const absl::Status told = vm_->Tell(request, seconds(10));
    ASSERT_TRUE(told.ok()) << told;
  }
  for (const FirecrackerRequest& request : BootRequests(Machine())) {
    Refused(request.method, request.path, request.body);
  }
  const FirecrackerSnapshot files{.state = "/state", .memory = "/memory"};
  const FirecrackerRequest save = CreateSnapshot(files);
  Refused(save.method, save.path, save.body);
  ASSERT_TRUE(vm_->Tell(PauseVm(), seconds(10)).ok());
  ASSERT_TRUE(vm_->Tell(save, seconds(10)).ok());
  const FirecrackerRequest load = LoadSnapshot(files);
  Refused(load.method, load.path, load.body);
}

}  // namespace
}  // namespace hpcc
