#include "agent/exec_reserve.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};

bool WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// The processes that wait for a plan: they are the launcher's only children.
std::vector<pid_t> Supervisors(pid_t launcher) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string stat = StrCat(entry.path().string(), "/stat");
    FILE* file = fopen(stat.c_str(), "re");
    if (file == nullptr) continue;
    int process = 0, parent = 0;
    char state = 0;
    if (fscanf(file, "%d (%*[^)]) %c %d", &process, &state, &parent) == 3 && state != 'Z' &&
        parent == launcher) {
      found.push_back(process);
    }
    fclose(file);
  }
  return found;
}

// Threads of this process that take no processor from one that runs.
int PatientThreads() {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (sched_getscheduler(std::stoi(entry.path().filename())) == SCHED_BATCH) ++found;
  }
  return found;
}

// With real worlds around real stages, of an image that is one directory: that is for those who may
// mount. In a mount namespace of its own, whatever this machine makes of mounts in its first one.
class ExecReserveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    mount_point_ = ::testing::TempDir() + "/exec_reserve_test";
    std::filesystem::create_directories(mount_point_);
    image_.parts.push_back({ImagePart::Kind::kDirectory, "/usr", "/usr"});
  }

  void TearDown() override {
    reserve_.reset();
    if (!launcher_) return;
    const pid_t process = launcher_->process();
    launcher_.reset();
    waitpid(process, nullptr, 0);
  }

  ExecReserve& Reserve(size_t kept, const std::string& part = "/usr") {
    image_.parts.front().path = part;
    absl::StatusOr<SystemCallFilter> filter = SystemCallFilter::Make();
    EXPECT_TRUE(filter.ok()) << filter.status();
    absl::StatusOr<Launcher> launcher = Launcher::Start(
        {.image_root = "", .mount_point = mount_point_, .image = image_, .filter = *filter});
    EXPECT_TRUE(launcher.ok()) << launcher.status();
    launcher_.emplace(*std::move(launcher));
    reserve_ = std::make_unique<ExecReserve>(*launcher_, image_, /*own_identities=*/true, kept);
    return *reserve_;
  }

  static bool HasEnded(const ReadyExec& world) {
    pollfd control{world.exec.control.get(), POLLIN, 0};
    return poll(&control, 1, 0) != 0;
  }

  std::string mount_point_;
  ImageLayout image_;
  std::optional<Launcher> launcher_;
  std::unique_ptr<ExecReserve> reserve_;
};

TEST_F(ExecReserveTest, AsManyAreReadyAsWereAskedForBeforeAnybodyTakesOne) {
  Reserve(3);
  EXPECT_TRUE(WaitUntil([&] { return Supervisors(launcher_->process()).size() == 3; }));
}

TEST_F(ExecReserveTest, WhoMakesWorldsReadyTakesNoProcessorFromAnAnswerAndWorldsAreLikeAnyProcess) {
  Reserve(1);
  EXPECT_TRUE(WaitUntil([&] { return Supervisors(launcher_->process()).size() == 1; }));
  EXPECT_EQ(PatientThreads(), 1);
  EXPECT_EQ(sched_getscheduler(Supervisors(launcher_->process()).front()), SCHED_OTHER);
}

TEST_F(ExecReserveTest, WhatWasGivenBackGoesAndOthersComeInstead) {
  ExecReserve& reserve = Reserve(2);
  ASSERT_TRUE(WaitUntil([&] { return Supervisors(launcher_->process()).size() == 2; }));
  const std::vector<pid_t> first = Supervisors(launcher_->process());
  absl::StatusOr<ReadyExec> one = reserve.Take();
  absl::StatusOr<ReadyExec> other = reserve.Take();
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_FALSE(HasEnded(*one) || HasEnded(*other));
  reserve.GiveBack(*std::move(one));
  reserve.GiveBack(*std::move(other));
  EXPECT_TRUE(WaitUntil([&] {
    const std::vector<pid_t> now = Supervisors(launcher_->process());
    return now.size() == 2 &&
           std::find_first_of(now.begin(), now.end(), first.begin(), first.end()) == now.end();
  }));
}

TEST_F(ExecReserveTest, NoTwoThatAreThereHaveOneIdentity) {
  ExecReserve& reserve = Reserve(1);
  std::set<uint32_t> users;
  std::vector<ReadyExec> taken;
  for (size_t i = 1; i <= 10; ++i) {
    absl::StatusOr<ReadyExec> world = reserve.Take();
    ASSERT_TRUE(world.ok()) << world.status();
    EXPECT_TRUE(world->owner.own_identity);
    users.insert(world->owner.identity.user);
    taken.push_back(*std::move(world));
    EXPECT_EQ(users.size(), i);
  }
  EXPECT_TRUE(std::none_of(users.begin(), users.end(), [](uint32_t user) { return user < 1000; }));
  for (ReadyExec& world : taken) reserve.GiveBack(std::move(world));
  EXPECT_TRUE(WaitUntil([&] { return Supervisors(launcher_->process()).size() == 1; }));
}

TEST_F(ExecReserveTest, OneThatEndedWhileItWaitedIsNotTaken) {
  ExecReserve& reserve = Reserve(1);
  ASSERT_TRUE(WaitUntil([&] { return Supervisors(launcher_->process()).size() == 1; }));
  const pid_t waiting = Supervisors(launcher_->process()).front();
  kill(waiting, SIGKILL);
  ASSERT_TRUE(WaitUntil([&] { return Supervisors(launcher_->process()).empty(); }));
  const absl::StatusOr<ReadyExec> taken = reserve.Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_FALSE(HasEnded(*taken));
}

TEST_F(ExecReserveTest, WhoTakesOneThatCouldNotBeMadeIsToldWhy) {
  ExecReserve& reserve = Reserve(2, "/there-is-no-such-directory");
  absl::StatusOr<ReadyExec> taken = reserve.Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_TRUE(WaitUntil([&] { return HasEnded(*taken); }));
  ExecReport report;
  ASSERT_EQ(read(taken->exec.control.get(), &report, sizeof(report)),
            static_cast<ssize_t>(sizeof(report)));
  EXPECT_EQ(report.outcome, ExecReport::Outcome::kNotStarted);
  EXPECT_EQ(std::string(report.step), "mount /there-is-no-such-directory");
}

}  // namespace
}  // namespace hpcc
