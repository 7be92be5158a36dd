// From the start of a sandbox to its end, however it comes.

#include <elf.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "base/process.h"
#include "base/process_state.h"
#include "sandbox_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The process that holds a sandbox, and the agent below it where that is another.
std::vector<pid_t> WithChildren(pid_t process) {
  std::vector<pid_t> found = {process};
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    pid_t child = 0;
    pid_t parent = 0;
    std::string name;
    char state = 0;
    if (stat >> child >> name >> state >> parent && parent == process) found.push_back(child);
  }
  return found;
}

TEST_F(SandboxTest, ItSaysWhatItIs) {
  EXPECT_EQ(sandbox_->isolation(), runtime_.isolation());
  EXPECT_EQ(StrContains(runtime_.isolation(), "qemu-"), IsVirtualMachine());
  EXPECT_TRUE(StrContains(sandbox_->Description(), "cgroup: ")) << sandbox_->Description();
  const std::vector<std::string> directories = sandbox_->image_directories();
  EXPECT_NE(std::find(directories.begin(), directories.end(), "/usr/include"), directories.end());
  EXPECT_EQ(std::find(directories.begin(), directories.end(), "/usr/src"), directories.end());
}

TEST_F(SandboxTest, ItAnswersAPlainCallWhileItIsThere) {
  const absl::Status here = sandbox_->Ping(std::chrono::seconds(10));
  EXPECT_TRUE(here.ok()) << here;
  sandbox_->Stop();
  EXPECT_FALSE(sandbox_->Ping(std::chrono::seconds(10)).ok());
}

TEST_F(SandboxTest, TheAgentsDeathIsSeenAtOnceAndEndsWhatRuns) {
  std::thread running([this] {
    const absl::StatusOr<ExecResult> result = Exec(Command({"/bin/sleep", "30"}));
    EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  });
  std::this_thread::sleep_for(milliseconds(300));
  ASSERT_EQ(Agents().size(), 1u);
  const auto start = steady_clock::now();
  kill(Agents().front(), SIGKILL);
  while (sandbox_->alive()) {
    ASSERT_LT(steady_clock::now() - start, std::chrono::seconds(1));
    std::this_thread::sleep_for(milliseconds(1));
  }
  running.join();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_TRUE(absl::IsUnavailable(Exec(Command({"/bin/true"})).status()));
}

// It lives, and does nothing: no stream that ends says so.
TEST_F(SandboxTest, AnAgentThatHangsIsLostAfterItsExecsTime) {
  ExecRequest request = Command({"/bin/sleep", "30"});
  request.limits.wall = milliseconds(1000);
  request.limits.margin = milliseconds(1000);
  std::atomic<int64_t> ended_ns{0};
  const auto start = steady_clock::now();
  std::thread running([&] {
    const absl::Status status = Exec(request).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    ended_ns = std::chrono::nanoseconds(steady_clock::now() - start).count();
  });
  std::this_thread::sleep_for(milliseconds(300));
  ASSERT_EQ(Agents().size(), 1u);
  for (const pid_t process : WithChildren(Agents().front())) kill(process, SIGSTOP);
  running.join();
  EXPECT_GE(std::chrono::nanoseconds(ended_ns), milliseconds(1900));
  EXPECT_LT(std::chrono::nanoseconds(ended_ns), std::chrono::seconds(10));
  while (sandbox_->alive()) {
    ASSERT_LT(steady_clock::now() - start, std::chrono::seconds(15));
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(absl::IsUnavailable(Exec(Command({"/bin/true"})).status()));
}

// More than are kept ready.
TEST_F(SandboxTest, EachOfManyExecsInARowHasAWorldOfItsOwn) {
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(Shell("ls /tmp; touch /tmp/left left; echo $$"), "2\n");
  }
}

TEST_F(SandboxTest, AWorldThatDiedBeforeItsExecIsReplaced) {
  if (IsVirtualMachine()) GTEST_SKIP() << "its processes are the guest's own";
  // First the processes that wait for plans, then, with others, those that look after them.
  for (const size_t generation : {3, 2}) {
    EXPECT_EQ(Shell("echo alive"), "alive\n");
    std::this_thread::sleep_for(milliseconds(500));
    std::vector<pid_t> processes = Agents();
    for (size_t i = 0; i < generation; ++i) {
      std::vector<pid_t> children;
      for (const pid_t process : processes) {
        const std::vector<pid_t> found = WithChildren(process);
        children.insert(children.end(), found.begin() + 1, found.end());
      }
      processes = std::move(children);
    }
    EXPECT_FALSE(processes.empty());
    for (const pid_t process : processes) kill(process, SIGKILL);
    std::this_thread::sleep_for(milliseconds(100));
    for (int i = 0; i < 6; ++i) EXPECT_EQ(Shell("echo alive"), "alive\n");
  }
}

TEST_F(SandboxTest, StopEndsEverythingInIt) {
  std::thread running([this] {
    EXPECT_TRUE(absl::IsUnavailable(Exec(Command({kProbe, "ignore-signals"})).status()));
  });
  std::this_thread::sleep_for(milliseconds(300));
  sandbox_->Stop();
  EXPECT_FALSE(sandbox_->alive());
  running.join();
  EXPECT_TRUE(Agents().empty());
}

// Run by the test below, in a process of its own.
TEST_F(SandboxTest, DISABLED_StartAndDie) {
  std::thread running([this] { (void)Exec(Command({kProbe, "ignore-signals"})); });
  std::this_thread::sleep_for(milliseconds(300));
  std::printf("agent %d\n", static_cast<int>(Agents().at(0)));
  std::fflush(stdout);
  kill(getpid(), SIGKILL);
}

// An image may have no library at all, and each root holds a copy of the agent.
TEST(AgentFileTest, ItIsStaticAndSmall) {
  EXPECT_LE(std::filesystem::file_size(AgentPath()), uint64_t{15} << 20);
  std::ifstream file(AgentPath(), std::ios::binary);
  Elf64_Ehdr header{};
  ASSERT_TRUE(file.read(reinterpret_cast<char*>(&header), sizeof(header)));
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    ASSERT_TRUE(file.read(reinterpret_cast<char*>(&segment), sizeof(segment)));
    EXPECT_NE(segment.p_type, static_cast<uint32_t>(PT_INTERP));
  }
}

// Run by the test below, in a process of its own.
TEST_F(SandboxTest, DISABLED_CommandsOfALowerWorker) {
  sandbox_.reset();
  ASSERT_EQ(setpriority(PRIO_PROCESS, 0, 15), 0);
  Start({.id = "low", .tenant = "acme", .image = "host"});
  EXPECT_EQ(Say({"/usr/bin/nice"}), IsVirtualMachine() ? "5\n" : "15\n");
}

TEST(RuntimeTest, AWorkerOfALowerPriorityThanItsCommandsHaveRunsThemAtItsOwn) {
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({"/proc/self/exe", "--gtest_also_run_disabled_tests",
                   "--gtest_filter=SandboxTest.DISABLED_CommandsOfALowerWorker"},
                  Environment::OfThisProcess(), {.timeout = std::chrono::minutes(2)});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->exit.success()) << run->out;
}

// Its process finds out anew what a driver finds out once: on an emulated machine, a boot.
TEST(RuntimeTest, AWorkerThatIsKilledTakesItsSandboxesAlong) {
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({"/proc/self/exe", "--gtest_also_run_disabled_tests",
                   "--gtest_filter=SandboxTest.DISABLED_StartAndDie"},
                  Environment::OfThisProcess(), {.timeout = std::chrono::minutes(2)});
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->exit.signal, SIGKILL) << run->out;
  const size_t told = run->out.find("agent ");
  ASSERT_NE(told, std::string::npos) << run->out;
  const int64_t agent = std::stoi(run->out.substr(told + 6));
  const auto start = steady_clock::now();
  while (!IsStoppedOrGone(agent)) {
    ASSERT_LT(steady_clock::now() - start, std::chrono::seconds(3));
    std::this_thread::sleep_for(milliseconds(10));
  }
}

TEST_F(SandboxTest, TwoSandboxesLiveSideBySide) {
  const absl::StatusOr<std::unique_ptr<Sandbox>> other = runtime_.Start(
      {.id = "other", .tenant = "globex", .image = "host"}, std::chrono::seconds(20));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(Agents().size(), 2u);
  sandbox_->Stop();
  EXPECT_TRUE((*other)->Exec(Command({"/bin/true"}), blobs_.reader(), nullptr).ok());
}

TEST_F(SandboxTest, MoreExecsThanItHasProcessorsAreRefused) {
  std::vector<std::thread> execs;
  std::atomic<int> refused{0};
  for (int i = 0; i < 6; ++i) {
    execs.emplace_back([this, &refused] {
      const absl::Status status = Exec(Command({"/bin/sleep", "4"})).status();
      if (absl::IsResourceExhausted(status)) ++refused;
    });
  }
  for (std::thread& exec : execs) exec.join();
  EXPECT_EQ(refused, 2);
}

TEST(ProcessRuntimeTest, AnAgentThatEndsAtOnceIsReportedWithWhatItSaid) {
  ProcessRuntime runtime({.agent = "/bin/false"});
  const auto start = steady_clock::now();
  const absl::Status status =
      runtime.Start({.id = "x", .tenant = "a", .image = "host"}, std::chrono::seconds(5)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(ProcessRuntimeTest, AnAgentThatSaysNothingIsGivenUp) {
  ProcessRuntime runtime({.agent = ProbePath()});  // with an agent's argument it waits
  const auto start = steady_clock::now();
  const absl::Status status =
      runtime.Start({.id = "x", .tenant = "a", .image = "host"}, milliseconds(500)).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(ProcessRuntimeTest, AnImageOrAnAgentThatIsNotThereIsNotFound) {
  ProcessRuntime host({.agent = AgentPath()});
  EXPECT_TRUE(absl::IsNotFound(
      host.Start({.id = "x", .image = "sha256:0"}, std::chrono::seconds(5)).status()));
  ProcessRuntime none({.agent = "/no/such/agent"});
  EXPECT_TRUE(
      absl::IsNotFound(none.Start({.id = "x", .image = "host"}, std::chrono::seconds(5)).status()));
}

TEST(ProcessRuntimeTest, ASpecThatBreaksARuleIsRefused) {
  ProcessRuntime runtime({.agent = AgentPath()});
  for (const char* id : {"", "../x", "a b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        runtime.Start({.id = id, .image = "host"}, std::chrono::seconds(5)).status()));
  }
}

}  // namespace
}  // namespace hpcc
