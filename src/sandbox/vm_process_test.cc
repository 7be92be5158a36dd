#include "sandbox/vm_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/environment.h"
#include "base/process.h"
#include "base/process_state.h"
#include "base/strings.h"

namespace hpcc {
namespace {

class VmProcessTest : public ::testing::Test {
 protected:
  VmProcessTest() : null_(open("/dev/null", O_RDWR | O_CLOEXEC)) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ours_ = Descriptor(ends[0]);
    theirs_ = Descriptor(ends[1]);
  }
  // What a shell script prints, run so.
  std::string Run(VmProgram program, const std::string& script) {
    program.program = "/bin/sh";
    program.arguments = {"sh", "-c", script};
    program.descriptors = {null_.get(), theirs_.get(), theirs_.get()};
    absl::StatusOr<VmProcess> process = StartVmProcess(program);
    EXPECT_TRUE(process.ok()) << process.status();
    theirs_.Reset();
    std::string text;
    char buffer[1000];
    for (ssize_t got; (got = read(ours_.get(), buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    siginfo_t info{};
    if (process.ok()) waitid(P_PID, static_cast<id_t>(process->process), &info, WEXITED);
    return text;
  }

  Descriptor null_;
  Descriptor ours_;
  Descriptor theirs_;
};

TEST_F(VmProcessTest, ItHasNothingOpenButWhatItIsGivenAndNoEnvironment) {
  EXPECT_EQ(Run({},
                "for f in 0 1 2 3 4 5 6 7 8 9 64 65 66; do test -e /proc/$$/fd/$f && echo $f; "
                "done; set | grep -c ^HOME"),
            "0\n1\n2\n0\n");
}

TEST_F(VmProcessTest, ItHasItsLimits) {
  EXPECT_EQ(Run({.address_space_bytes = 1 << 30, .file_bytes = 512 * 1024, .open_files = 64},
                "ulimit -v; ulimit -f; ulimit -n; ulimit -c"),
            StrCat((1 << 30) / 1024, "\n1024\n64\n0\n"));
}

TEST_F(VmProcessTest, ItIsAnotherUserWithoutCapabilities) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another";
  EXPECT_EQ(Run({.user = 4321, .groups = {77}},
                "id -u; id -g; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status"),
            "4321\n4321\n4321 77\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST_F(VmProcessTest, OtherThreadsThatComeAndGoDoNotKeepItFromBecomingAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another";
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < 4; ++i) {
    busy.emplace_back([&stop] {
      while (!stop) std::thread([] {}).join();
    });
  }
  // A fork of a process that is watched by a sanitizer takes long on a machine that is busy.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int i = 0; i < 500 && std::chrono::steady_clock::now() < until; ++i) {
    const absl::StatusOr<VmProcess> process =
        StartVmProcess({.program = "/bin/true", .arguments = {"true"}, .user = 4321});
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) break;
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(process->process), &info, WEXITED);
  }
  stop = true;
  for (std::thread& one : busy) one.join();
}

TEST_F(VmProcessTest, AProgramThatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(
      StartVmProcess({.program = "/no/such", .arguments = {"x"}, .descriptors = {}}).status()));
}

// Run by the test below, in a process of its own.
TEST_F(VmProcessTest, DISABLED_StartAndDie) {
  const absl::StatusOr<VmProcess> process =
      StartVmProcess({.program = "/bin/sleep",
                      .arguments = {"sleep", "60"},
                      .descriptors = {null_.get(), null_.get(), null_.get()},
                      .user = geteuid() == 0 ? 4321U : 0U});
  ASSERT_TRUE(process.ok()) << process.status();
  std::printf("process %d\n", static_cast<int>(process->process));
  std::fflush(stdout);
  kill(getpid(), SIGKILL);
}

TEST(VmProcessLifeTest, ItDiesWithWhoStartedIt) {
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({"/proc/self/exe", "--gtest_also_run_disabled_tests",
                   "--gtest_filter=VmProcessTest.DISABLED_StartAndDie"},
                  Environment::OfThisProcess());
  ASSERT_TRUE(run.ok()) << run.status();
  const size_t told = run->out.find("process ");
  ASSERT_NE(told, std::string::npos) << run->out;
  const int64_t process = std::stoi(run->out.substr(told + 8));
  const auto start = std::chrono::steady_clock::now();
  while (!IsStoppedOrGone(process)) {
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace
}  // namespace hpcc
