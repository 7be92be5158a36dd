// What holds for virtual machines beyond what holds for every sandbox.

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "image/image_test_support.h"
#include "image/oci_digest.h"
#include "image/root_builder.h"
#include "sandbox_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class VirtualMachineTest : public SandboxTest {
 protected:
  void SetUp() override {
    if (!IsVirtualMachine()) GTEST_SKIP() << "HPCC_SANDBOX_DRIVER is no hypervisor";
    SandboxTest::SetUp();
  }
  std::unique_ptr<Sandbox> StartOne(Runtime& runtime, const std::string& id) {
    absl::StatusOr<std::unique_ptr<Sandbox>> sandbox =
        runtime.Start({.id = id, .tenant = "acme", .image = "host", .cpus = 4}, seconds(60));
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    return sandbox.ok() ? *std::move(sandbox) : nullptr;
  }
  std::string SayIn(Sandbox& sandbox, const std::string& script) {
    const absl::StatusOr<ExecResult> result =
        sandbox.Exec(Command({"/bin/sh", "-c", script}), blobs_.reader(), nullptr);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->standard_output : "";
  }
  static std::string StatusOf(pid_t process, const std::string& field) {
    std::ifstream status(StrCat("/proc/", process, "/status"));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
    }
    return "";
  }
};

// What a stock guest does here was found out without any of hpcc (vm/expected_isolation.py).
TEST_F(VirtualMachineTest, TheLabelSaysWhetherAGuestRunsOnKvmHere) {
  EXPECT_EQ(sandbox_->isolation(), PathOf("HPCC_EXPECTED_ISOLATION", ""));
  EXPECT_EQ(runtime_.isolation(), sandbox_->isolation());
}

// The layer of an image FROM scratch: one program that needs nothing, at the top.
std::string ScratchLayer() {
  const std::string program = ReadFile(FileSystem::Real(), ProbePath(), 64 << 20).value();
  std::string header = TestHeader('0', "cc", program.size());
  PutField(&header, 100, "0000755");
  SumUp(&header);
  return header + Padded(program) + TarEnd();
}

TEST_F(VirtualMachineTest, AnImageOfOneStaticProgramAndNothingElseBootsAndCompiles) {
  const std::string layer = ScratchLayer();
  const std::string path = ::testing::TempDir() + StrCat("scratch_", getpid());
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), path + ".tar", layer).ok());
  const absl::Status built =
      BuildRoot({{.path = path + ".tar", .digest = OciDigestOf(layer)}},
                {.agent_path = AgentPath()}, FileSystem::Real(), path + ".sqfs");
  ASSERT_TRUE(built.ok()) << built;
  QemuRuntimeOptions options = VirtualMachines("scratch");
  options.find_root = [&](const std::string&) { return PreparedRoot{.path = path + ".sqfs"}; };
  const absl::StatusOr<std::unique_ptr<QemuRuntime>> runtime = QemuRuntime::Make(options);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const std::unique_ptr<Sandbox> scratch = StartOne(**runtime, "scratch");
  ASSERT_NE(scratch, nullptr);

  AddFile("/work/src/a.c", "int a;\n");
  ExecRequest request = Command({"/cc", "translate", "../src/a.c", "a.o"});
  request.outputs = {"/work/build/a.o"};
  const absl::StatusOr<ExecResult> result = scratch->Exec(request, blobs_.reader(), nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 0) << result->standard_error;
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].data, "object of int a;\n");
  // There is nothing else to run.
  const absl::StatusOr<ExecResult> none =
      scratch->Exec(Command({"/bin/sh", "-c", "true"}), blobs_.reader(), nullptr);
  EXPECT_TRUE(!none.ok() || none->exit_status != 0);
  std::filesystem::remove(path + ".tar");
  std::filesystem::remove(path + ".sqfs");
}

constexpr char kRandom[] = "od -An -N16 -tx1 /dev/urandom";

TEST_F(VirtualMachineTest, TwoClonesDrawDifferentRandomBytes) {
  std::set<std::string> drawn = {SayIn(*sandbox_, kRandom)};
  for (int i = 0; i < 3; ++i) {
    const std::unique_ptr<Sandbox> clone = StartOne(runtime_, StrCat("clone", i));
    ASSERT_NE(clone, nullptr);
    EXPECT_TRUE(StrContains(clone->Description(), "cloned")) << clone->Description();
    drawn.insert(SayIn(*clone, kRandom));
  }
  EXPECT_EQ(drawn.size(), 4u);
}

TEST_F(VirtualMachineTest, AMachineResumedTwiceFromOneStateWouldDrawTheSameButForTheWorkersBytes) {
  std::set<std::string> drawn;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(sandbox_->Suspend().ok());
    ASSERT_TRUE(sandbox_->Resume().ok());
    drawn.insert(Say({"/bin/sh", "-c", kRandom}));
  }
  EXPECT_EQ(drawn.size(), 3u);
}

TEST_F(VirtualMachineTest, TenTimesSuspendedAndResumedItCompilesAsBefore) {
  AddFile("/work/src/a.c", "int twice(int n) { return 2 * n; }\n");
  ExecRequest request = Command({"/usr/bin/gcc", "-O2", "-c", "../src/a.c", "-o", "a.o"});
  request.outputs = {"/work/build/a.o"};
  std::string first;
  for (int i = 0; i < 10; ++i) {
    const absl::StatusOr<ExecResult> result = Exec(request);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->outputs.size(), 1u) << result->standard_error;
    if (i == 0) first = result->outputs[0].data;
    EXPECT_TRUE(result->outputs[0].data == first) << i;
    const absl::Status suspended = sandbox_->Suspend();
    ASSERT_TRUE(suspended.ok()) << i << suspended;
    const absl::Status resumed = sandbox_->Resume();
    ASSERT_TRUE(resumed.ok()) << i << resumed;
  }
  // Its blobs came along.
  EXPECT_EQ(blobs_.asked(Digest::Of("int twice(int n) { return 2 * n; }\n")), 1);
}

TEST_F(VirtualMachineTest, SuspendedItIsNoProcessAndTakesNothingButAResume) {
  ASSERT_TRUE(sandbox_->Suspend().ok());
  EXPECT_TRUE(Agents().empty());
  EXPECT_TRUE(sandbox_->alive());
  EXPECT_TRUE(absl::IsFailedPrecondition(Exec(Command({"/bin/true"})).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(sandbox_->Ping(seconds(10))));
  EXPECT_TRUE(sandbox_->Suspend().ok());
  EXPECT_TRUE(sandbox_->Resume().ok());
  EXPECT_TRUE(sandbox_->Resume().ok());
  EXPECT_TRUE(sandbox_->Ping(seconds(10)).ok());
  EXPECT_EQ(Say({"/bin/echo", "here"}), "here\n");
  ASSERT_TRUE(sandbox_->Suspend().ok());
  sandbox_->Stop();
  EXPECT_FALSE(sandbox_->alive());
  EXPECT_TRUE(absl::IsUnavailable(sandbox_->Resume()));
}

TEST_F(VirtualMachineTest, OneThatTheDiskHasNoRoomForGoesOnAndIsSuspendedWhenThereIs) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount";
  const QemuRuntimeOptions options = VirtualMachines("full");
  mkdir(options.directory.c_str(), 0700);
  ASSERT_EQ(mount("none", options.directory.c_str(), "tmpfs", 0, "size=1m,mode=0700"), 0);
  {
    const absl::StatusOr<std::unique_ptr<QemuRuntime>> runtime = QemuRuntime::Make(options);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    const std::unique_ptr<Sandbox> full = StartOne(**runtime, "full");
    ASSERT_NE(full, nullptr);
    EXPECT_EQ(SayIn(*full, "echo before"), "before\n");
    for (int i = 0; i < 2; ++i) {
      const absl::Status suspended = full->Suspend();
      EXPECT_FALSE(suspended.ok());
      EXPECT_TRUE(full->alive()) << suspended;
      EXPECT_EQ(SayIn(*full, "echo after"), "after\n");
      const int64_t there = std::stoll(SayIn(*full, "date +%s"));
      EXPECT_LE(std::abs(there - static_cast<int64_t>(time(nullptr))), 1);
    }
    ASSERT_EQ(mount("none", options.directory.c_str(), "tmpfs", MS_REMOUNT, "size=1g"), 0);
    const absl::Status suspended = full->Suspend();
    ASSERT_TRUE(suspended.ok()) << suspended;
    ASSERT_TRUE(full->Resume().ok());
    EXPECT_EQ(SayIn(*full, "echo resumed"), "resumed\n");
  }
  umount2(options.directory.c_str(), MNT_DETACH);
  rmdir(options.directory.c_str());
}

TEST_F(VirtualMachineTest, WhileSomethingRunsItIsNotSuspended) {
  std::thread running([this] { EXPECT_EQ(Shell("sleep 1; echo done"), "done\n"); });
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_TRUE(absl::IsFailedPrecondition(sandbox_->Suspend()));
  running.join();
  EXPECT_TRUE(sandbox_->Suspend().ok());
}

// As on a host so busy that the hypervisor gets no time: long enough for some tries to reach it.
TEST_F(VirtualMachineTest, AHypervisorThatStoodStillForAWhileIsNotGivenUp) {
  const pid_t process = Agents().at(0);
  ASSERT_EQ(kill(process, SIGSTOP), 0);
  std::thread going_on([process] {
    std::this_thread::sleep_for(seconds(6));
    kill(process, SIGCONT);
  });
  const absl::Status suspended = sandbox_->Suspend();
  going_on.join();
  ASSERT_TRUE(suspended.ok()) << suspended;
  ASSERT_TRUE(sandbox_->Resume().ok());
  EXPECT_EQ(Say({"/bin/echo", "here"}), "here\n");
}

TEST_F(VirtualMachineTest, AfterAResumeItsClockIsRight) {
  ASSERT_TRUE(sandbox_->Suspend().ok());
  std::this_thread::sleep_for(seconds(2));
  ASSERT_TRUE(sandbox_->Resume().ok());
  const int64_t there = std::stoll(Say({"/bin/date", "+%s"}));
  EXPECT_LE(std::abs(there - static_cast<int64_t>(time(nullptr))), 1);
}

TEST_F(VirtualMachineTest, ItsProcessHasNoRightsAndItsDirectoryGoesWithIt) {
  const pid_t process = Agents().at(0);
  EXPECT_EQ(StatusOf(process, "CapEff"), "0000000000000000");
  EXPECT_EQ(StatusOf(process, "NoNewPrivs"), "1");
  EXPECT_EQ(StatusOf(process, "Seccomp"), "2");
  if (geteuid() == 0) {
    const std::string user = StatusOf(process, "Uid");
    EXPECT_NE(user.substr(0, user.find('\t')), "0");
    EXPECT_EQ(StatusOf(process, "Groups").find_first_not_of(" \t"), std::string::npos);
  }
  const std::string directory = VirtualMachines("all").directory;
  struct stat facts;
  ASSERT_EQ(stat((directory + "/test").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
  sandbox_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST_F(VirtualMachineTest, StopReturnsSoonWhateverTheGuestDoes) {
  std::thread running([this] {
    EXPECT_TRUE(absl::IsUnavailable(Exec(Command({kProbe, "spin"})).status()));
  });
  std::this_thread::sleep_for(milliseconds(300));
  const auto start = steady_clock::now();
  sandbox_->Stop();
  EXPECT_LT(steady_clock::now() - start, seconds(2));
  running.join();
}

TEST_F(VirtualMachineTest, ABootedOneIsLikeACloned) {
  QemuRuntimeOptions options = VirtualMachines("booted");
  options.templates = false;
  options.vsock = nullptr;  // which can't be suspended
  const absl::StatusOr<std::unique_ptr<QemuRuntime>> runtime = QemuRuntime::Make(options);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const std::unique_ptr<Sandbox> booted = StartOne(**runtime, "booted");
  ASSERT_NE(booted, nullptr);
  EXPECT_TRUE(StrContains(booted->Description(), "booted")) << booted->Description();
  EXPECT_EQ(SayIn(*booted, "echo here"), "here\n");
  ASSERT_TRUE(booted->Suspend().ok());
  ASSERT_TRUE(booted->Resume().ok());
  EXPECT_EQ(SayIn(*booted, "echo again"), "again\n");
}

TEST_F(VirtualMachineTest, AVsockByWhichNoGuestIsReachedCostsATryAndThePortIsTaken) {
  const std::string device = ::testing::TempDir() + StrCat("no_vsock_", getpid());
  std::ofstream(device) << "no device";
  QemuRuntimeOptions options = VirtualMachines("vsock");
  options.templates = false;
  options.vsock = std::make_shared<VhostVsock>(device, [](int, uint64_t) { return 0; });
  const absl::StatusOr<std::unique_ptr<QemuRuntime>> runtime = QemuRuntime::Make(options);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const std::unique_ptr<Sandbox> booted = StartOne(**runtime, "booted");
  ASSERT_NE(booted, nullptr);
  EXPECT_FALSE(StrContains(booted->Description(), "vsock")) << booted->Description();
  EXPECT_EQ(SayIn(*booted, "echo here"), "here\n");
  EXPECT_TRUE(booted->Suspend().ok());
  std::filesystem::remove(device);
}

// Where the host has the real thing: what no machine hpcc was developed on could show.
TEST_F(VirtualMachineTest, AMachineWithAVsockWorksAndIsNotSuspended) {
  QemuRuntimeOptions options = VirtualMachines("real_vsock");
  options.templates = false;
  if (!options.vsock->Works()) GTEST_SKIP() << "this host has no vhost-vsock";
  const absl::StatusOr<std::unique_ptr<QemuRuntime>> runtime = QemuRuntime::Make(options);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const std::unique_ptr<Sandbox> one = StartOne(**runtime, "one");
  const std::unique_ptr<Sandbox> other = StartOne(**runtime, "other");
  for (Sandbox* sandbox : {one.get(), other.get()}) {
    ASSERT_NE(sandbox, nullptr);
    EXPECT_TRUE(StrContains(sandbox->Description(), "vsock")) << sandbox->Description();
    EXPECT_EQ(SayIn(*sandbox, "echo here"), "here\n");
    EXPECT_TRUE(absl::IsUnimplemented(sandbox->Suspend()));
    EXPECT_TRUE(sandbox->alive());
  }
}

SandboxSpec SmallMachine() {
  return {.id = "small",
          .tenant = "acme",
          .image = "host",
          .cpus = 2,
          .memory_bytes = uint64_t{192} << 20,
          .blob_bytes = uint64_t{32} << 20};
}

TEST_F(VirtualMachineTest, AnExecThatFillsTheWholeMachineTakesNothingAlong) {
  sandbox_.reset();
  Start(SmallMachine());
  for (const std::vector<std::string>& bomb :
       std::vector<std::vector<std::string>>{{kProbe, "eat-memory"},
                                             {kProbe, "eat-shared-memory"},
                                             {kProbe, "eat-disk", "/tmp"},
                                             {kProbe, "eat-memory-together"}}) {
    ExecRequest request = Command(bomb);
    // Far more than there is.
    request.limits.memory_bytes = uint64_t{64} << 30;
    request.limits.stage_bytes = uint64_t{8} << 30;
    const absl::StatusOr<ExecResult> result = Exec(request);
    ASSERT_TRUE(result.ok()) << bomb[1] << " " << result.status();
    // Memory, or the wall time of a machine that is slow at finding out.
    EXPECT_NE(result->exceeded, ExceededLimit::kNone) << bomb[1];
    EXPECT_EQ(Say({"/bin/echo", "alive"}), "alive\n") << bomb[1];
  }
}

// An exec and what came of it, on a thread of its own.
class ExecBeside {
 public:
  ExecBeside(Sandbox& sandbox, const ExecRequest& request, const BlobReader& blobs)
      : thread_([this, &sandbox, request, blobs] {
          result_ = sandbox.Exec(request, blobs, nullptr);
          end_ = steady_clock::now();
        }) {}
  ~ExecBeside() { Join(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  // After Join().
  const absl::StatusOr<ExecResult>& result() const { return result_; }
  bool RanAt(steady_clock::time_point time) const {
    return end_ > time && end_ - result_->wall < time;
  }

 private:
  absl::StatusOr<ExecResult> result_;
  steady_clock::time_point end_;
  std::thread thread_;
};

// Ten processes of the bomb are each smaller than its neighbour, which holds what is its own: of
// all processes in the machine it is the largest. A neighbour that was over before the bomb was,
// on a slow machine, shows nothing and is asked for more time.
TEST_F(VirtualMachineTest, WhenOneExecHasUsedUpItsMemoryNoOtherHearsOfIt) {
  sandbox_.reset();
  Start(SmallMachine());
  ExecRequest bomb = Command({kProbe, "eat-memory-together"});
  bomb.limits.memory_bytes = uint64_t{64} << 30;  // far more than there is
  bomb.limits.stage_bytes = uint64_t{8} << 30;
  bomb.limits.wall = std::chrono::minutes(5);
  for (const bool calm : {true, false}) {
    bool seen = false;
    for (int duration = 10; !seen && duration <= 160; duration *= 2) {
      ExecRequest neighbour =
          calm ? Command({kProbe, "hold-memory", "40", StrCat(duration)})
               : Command({"/bin/sh", "-c", StrCat("sleep ", duration, "; exit 3")});
      neighbour.limits.wall = std::chrono::minutes(5);
      ExecBeside beside(*sandbox_, neighbour, blobs_.reader());
      std::this_thread::sleep_for(seconds(1));
      const absl::StatusOr<ExecResult> result = Exec(bomb);
      const auto bomb_end = steady_clock::now();
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->exceeded, ExceededLimit::kMemory);
      beside.Join();
      ASSERT_TRUE(beside.result().ok()) << beside.result().status();
      EXPECT_EQ(beside.result()->exceeded, ExceededLimit::kNone);
      EXPECT_EQ(beside.result()->signal, 0);
      EXPECT_EQ(beside.result()->exit_status, calm ? 0 : 3);
      seen = beside.RanAt(bomb_end);
    }
    EXPECT_TRUE(seen) << "the two never ran at the same time";
  }
}

// The best of a few: a busy machine makes any of them slow.
TEST_F(VirtualMachineTest, ACloneIsThereInAFractionOfABootAndSoIsAResumedOne) {
  QemuRuntimeOptions options = VirtualMachines("timed");
  options.templates = false;
  const absl::StatusOr<std::unique_ptr<QemuRuntime>> booting = QemuRuntime::Make(options);
  ASSERT_TRUE(booting.ok()) << booting.status();
  const auto time = [](const std::function<void()>& work) {
    const auto start = steady_clock::now();
    work();
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  };
  milliseconds boot = milliseconds::max();
  milliseconds clone = boot;
  milliseconds suspend = boot;
  milliseconds resume = boot;
  milliseconds exec = boot;
  for (int i = 0; i < 3; ++i) {
    boot = std::min(boot, time([&] { StartOne(**booting, "booted"); }));
    clone = std::min(clone, time([&] { StartOne(runtime_, "cloned"); }));
    exec = std::min(exec, time([&] { Say({"/bin/true"}); }));
    suspend = std::min(suspend, time([&] { EXPECT_TRUE(sandbox_->Suspend().ok()); }));
    resume = std::min(resume, time([&] { EXPECT_TRUE(sandbox_->Resume().ok()); }));
  }
  std::printf("boot %d ms, clone %d ms, suspend %d ms, resume %d ms, exec of /bin/true %d ms\n",
              static_cast<int>(boot.count()), static_cast<int>(clone.count()),
              static_cast<int>(suspend.count()), static_cast<int>(resume.count()),
              static_cast<int>(exec.count()));
  EXPECT_LT(clone, boot / 2);
  EXPECT_LT(resume, boot);
}

// Starts a machine on another root, which must not come up; what was said about that.
std::string FailureOn(const std::string& root, milliseconds bound) {
  QemuRuntimeOptions options = VirtualMachines("failing");
  options.find_root = [root](const std::string&) { return PreparedRoot{.path = root}; };
  const absl::StatusOr<std::unique_ptr<QemuRuntime>> runtime = QemuRuntime::Make(options);
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  const auto start = steady_clock::now();
  const absl::Status status = (*runtime)->Start({.id = "x", .image = "any"}, bound).status();
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) << status;
  EXPECT_LT(steady_clock::now() - start, bound + seconds(5));
  return std::string(status.message());
}

TEST_F(VirtualMachineTest, ItsKernelKnowsNoNetworkAndItsRootIsReadOnlyEvenToTheFirstProcess) {
  // The agent of this root is the probe, which has every right there is in the machine.
  const std::string told = FailureOn(PathOf("HPCC_TEST_BARE_ROOT", ""), seconds(30));
  for (const char* line :
       {"inet socket: Address family not supported", "inet6 socket: Address family not supported",
        "packet socket: Address family not supported", "unix socket: ok",
        "write to the root: Read-only file system", "remount the root: Permission denied",
        "write to its disk: Operation not permitted", "load a module: Function not implemented",
        // A loopback is part of every network stack, of one without addresses too.
        "/sys/class/net: lo  /sys/bus/pci/devices:  /sys/block: vda "}) {
    EXPECT_TRUE(StrContains(told, line)) << line << "\n" << told;
  }
}

TEST_F(VirtualMachineTest, ARootThatIsNoneIsReportedWithWhatTheKernelSaid) {
  const std::string path = ::testing::TempDir() + "no_root";
  std::ofstream(path) << std::string(8192, 'x');
  EXPECT_TRUE(StrContains(FailureOn(path, seconds(30)), "Kernel panic - not syncing: VFS"));
}

TEST_F(VirtualMachineTest, AGuestThatHasNotComeUpInTimeIsGivenUp) {
  const absl::Status status =
      runtime_.Start({.id = "late", .image = "host", .cpus = 3}, milliseconds(50)).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(Agents().size(), 1u);
}

TEST_F(VirtualMachineTest, WhatIsMissingIsNamed) {
  QemuRuntimeOptions options = VirtualMachines("missing");
  options.kernel = "/no/such";
  const absl::Status no_kernel = QemuRuntime::Make(options).status();
  EXPECT_TRUE(absl::IsNotFound(no_kernel)) << no_kernel;
  EXPECT_TRUE(StrContains(std::string(no_kernel.message()), "build-guest-kernel.sh")) << no_kernel;
  options = VirtualMachines("missing");
  options.program = "/no/such";
  EXPECT_TRUE(absl::IsNotFound(QemuRuntime::Make(options).status()));
  EXPECT_TRUE(absl::IsNotFound(runtime_.Start({.id = "x", .image = "none"}, seconds(5)).status()));
}

}  // namespace
}  // namespace hpcc
