#include "base/supervised_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace hpcc {
namespace {

using std::chrono::milliseconds;

class SupervisedProcessTest : public testing::Test {
 protected:
  SupervisedProcessTest() {
    std::string pattern = testing::TempDir() + "/hpcc-supervised-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~SupervisedProcessTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<SupervisedProcess> Shell(const std::string& script) {
    Environment environment;
    environment.Set("WORD", "of the environment");
    return SupervisedProcess::Start({"/bin/sh", "-c", script}, environment, log());
  }
  std::string log() const { return folder_ + "/log"; }
  std::string LogText() const {
    std::stringstream text;
    text << std::ifstream(log()).rdbuf();
    return text.str();
  }
  static ExitStatus WaitFor(SupervisedProcess& process) {
    for (int i = 0; i < 1000; ++i) {
      if (const std::optional<ExitStatus> ended = process.Poll()) return *ended;
      std::this_thread::sleep_for(milliseconds(10));
    }
    ADD_FAILURE() << "it did not end";
    return {};
  }

  std::string folder_;
};

TEST_F(SupervisedProcessTest, WritesToItsLogAndTellsHowItEnded) {
  absl::StatusOr<SupervisedProcess> process = Shell("echo out; echo err >&2; echo $WORD; exit 3");
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(3, WaitFor(*process).code);
  EXPECT_EQ("out\nerr\nof the environment\n", LogText());
}

TEST_F(SupervisedProcessTest, StopAsksFirst) {
  absl::StatusOr<SupervisedProcess> process =
      Shell("trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  ASSERT_TRUE(process.ok());
  while (LogText().empty()) std::this_thread::sleep_for(milliseconds(5));
  const ExitStatus ended = process->Stop(milliseconds(5000));
  EXPECT_TRUE(ended.success()) << ended.signal;
  EXPECT_EQ("up\nasked\n", LogText());
}

TEST_F(SupervisedProcessTest, StopKillsWhoDoesNotListen) {
  absl::StatusOr<SupervisedProcess> process =
      Shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
  ASSERT_TRUE(process.ok());
  while (LogText().empty()) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(SIGKILL, process->Stop(milliseconds(100)).signal);
  EXPECT_EQ(SIGKILL, process->Stop(milliseconds(100)).signal) << "it is over";
}

TEST_F(SupervisedProcessTest, DiesWithItsOwner) {
  int64_t id = 0;
  {
    absl::StatusOr<SupervisedProcess> process = Shell("exec sleep 100");
    ASSERT_TRUE(process.ok());
    EXPECT_FALSE(process->Poll().has_value());
    id = process->process();
  }
  EXPECT_NE(0, kill(static_cast<pid_t>(id), 0));
}

TEST_F(SupervisedProcessTest, DiesWithItsOwnersProcess) {
  const pid_t owner = fork();
  if (owner == 0) {
    absl::StatusOr<SupervisedProcess> process = Shell("echo $$; exec sleep 100");
    while (LogText().find('\n') == std::string::npos) std::this_thread::sleep_for(milliseconds(5));
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(owner, &status, 0);
  const pid_t child = static_cast<pid_t>(std::stol(LogText()));
  for (int i = 0; i < 500 && kill(child, 0) == 0; ++i) {
    // Where nobody collects orphans it stays as a zombie.
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::stringstream text;
    text << stat.rdbuf();
    if (text.str().find(") Z ") != std::string::npos) return;
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_NE(0, kill(child, 0));
}

TEST_F(SupervisedProcessTest, SaysWhatCannotBeRun) {
  const auto process = SupervisedProcess::Start({folder_ + "/none"}, Environment(), log());
  EXPECT_TRUE(absl::IsNotFound(process.status()));
}

}  // namespace
}  // namespace hpcc
