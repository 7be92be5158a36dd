#include "remote/remote_dialer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "base/forwarding_file_system.h"
#include "base/strings.h"
#include "config/runtime_directory.h"
#include "remote/remote_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// The machine's, but this program stands where a test says.
class ElsewhereFileSystem final : public ForwardingFileSystem {
 public:
  explicit ElsewhereFileSystem(std::string program)
      : ForwardingFileSystem(FileSystem::Real()), program_(std::move(program)) {}
  absl::StatusOr<std::string> ReadLink(const std::string& path) override {
    if (path == "/proc/self/exe") return program_;
    return ForwardingFileSystem::ReadLink(path);
  }

 private:
  const std::string program_;
};

class RemoteDialerTest : public testing::Test {
 protected:
  RemoteDialerTest() {
    environment_.Set("PATH", "/usr/bin:/bin");
    EXPECT_TRUE(PrepareRuntimeDirectory(fs_, place_.directory()).ok());
  }

  // What stands for hpcc-remote: a shell script that first leaves a byte for having been started.
  void InstallProgram(std::string_view then) {
    const std::string path = scratch_.path() + "/hpcc-remote";
    std::ofstream(path) << "#!/bin/sh\nprintf . >>" << starts_ << "\n" << then << "\n";
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  }
  // Once they have come so far.
  uint64_t Starts(uint64_t expected) {
    FileStat stat;
    for (int i = 0; i < 200; ++i) {
      const bool there = fs_.Stat(starts_.c_str(), true, &stat) == 0;
      if (there && stat.size >= expected) break;
      Clock::Real().Sleep(milliseconds(10));
    }
    return stat.size;
  }
  void MakeOlder(const std::string& path, seconds by) {
    ASSERT_TRUE(
        fs_.SetModified(path, Clock::Real().NowNanoseconds() - std::chrono::nanoseconds(by).count())
            .ok());
  }
  std::unique_ptr<File> HoldLock() {
    absl::StatusOr<std::unique_ptr<File>> lock = fs_.OpenForOverwriting(place_.lock_file(), 0600);
    EXPECT_TRUE(lock.ok() && (*lock)->TryLock().ok());
    return *std::move(lock);
  }
  static milliseconds Since(steady_clock::time_point began) {
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
  }

  RemoteScratch scratch_;
  const std::string starts_ = scratch_.path() + "/starts";
  ElsewhereFileSystem fs_{scratch_.path() + "/hpcc"};
  Environment environment_;
  RemotePlace place_{scratch_.path() + "/run"};
  RemoteDialer dialer_{place_, environment_, fs_, Clock::Real()};
};

TEST_F(RemoteDialerTest, WhoListensIsConnectedToAndNothingIsStarted) {
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_.socket());
  ASSERT_TRUE(listener.ok());
  EXPECT_TRUE(dialer_.Dial().ok());
  EXPECT_FALSE(FileExists(fs_, place_.start_marker()));
}

TEST_F(RemoteDialerTest, AMissingProgramIsSaidAtOnce) {
  const auto began = steady_clock::now();
  const absl::Status status = dialer_.Dial().status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_LT(Since(began), milliseconds(500));
}

TEST_F(RemoteDialerTest, ADirectoryOpenToOthersIsNotSpokenIn) {
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_.socket());
  ASSERT_TRUE(listener.ok());
  ASSERT_EQ(chmod(place_.directory().c_str(), 0755), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(dialer_.Dial().status()));
}

TEST_F(RemoteDialerTest, AStartThatComesToNothingCostsOneWait) {
  InstallProgram("exit 3");
  auto began = steady_clock::now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(dialer_.Dial().status()));
  EXPECT_GE(Since(began), kRemoteStartPatience);
  began = steady_clock::now();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(absl::IsUnavailable(dialer_.Dial().status()));
  EXPECT_LT(Since(began), milliseconds(500));
  EXPECT_EQ(Starts(1), 1u);
}

TEST_F(RemoteDialerTest, AfterHalfAMinuteAnotherIsStartedWithoutAWait) {
  InstallProgram("exit 3");
  EXPECT_FALSE(dialer_.Dial().ok());
  MakeOlder(place_.start_marker(), seconds(31));
  const auto began = steady_clock::now();
  EXPECT_TRUE(absl::IsUnavailable(dialer_.Dial().status()));
  EXPECT_LT(Since(began), milliseconds(500));
  EXPECT_EQ(Starts(2), 2u);
}

TEST_F(RemoteDialerTest, OfManyThatComeAtOnceOneStartsIt) {
  InstallProgram("exit 3");
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] { EXPECT_FALSE(dialer_.Dial().ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Starts(1), 1u);
}

TEST_F(RemoteDialerTest, ToPrepareIsToStartOneWithoutAWait) {
  InstallProgram("exit 3");
  const auto began = steady_clock::now();
  for (int i = 0; i < 5; ++i) dialer_.Prepare();
  EXPECT_LT(Since(began), milliseconds(500));
  EXPECT_EQ(Starts(1), 1u);
}

TEST_F(RemoteDialerTest, AStartIsWaitedForUntilSomebodyListens) {
  InstallProgram("exit 0");
  std::thread late([this] {
    Starts(1);
    const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_.socket());
    EXPECT_TRUE(listener.ok());
    Clock::Real().Sleep(seconds(2));
  });
  EXPECT_TRUE(dialer_.Dial().ok());
  late.join();
}

TEST_F(RemoteDialerTest, SilenceLastsAsLongAsTheProgramDoes) {
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_.socket());
  ASSERT_TRUE(listener.ok());
  {
    const std::unique_ptr<File> lock = HoldLock();
    EXPECT_TRUE(dialer_.NoteSilence());
    EXPECT_FALSE(dialer_.NoteSilence());
    MakeOlder(place_.silent_marker(), seconds(3600));
    EXPECT_TRUE(dialer_.IsSilent());
    EXPECT_TRUE(absl::IsUnavailable(dialer_.Dial().status()));
  }
  EXPECT_FALSE(dialer_.IsSilent());
}

TEST_F(RemoteDialerTest, SilenceEndsWhenNobodyListensAnyMore) {
  {
    const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_.socket());
    ASSERT_TRUE(listener.ok());
    EXPECT_TRUE(dialer_.NoteSilence());
    EXPECT_TRUE(dialer_.IsSilent());
  }
  EXPECT_FALSE(dialer_.IsSilent());
  EXPECT_FALSE(FileExists(fs_, place_.silent_marker()));
}

TEST_F(RemoteDialerTest, AStrangersSilenceIsRememberedForHalfAMinute) {
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_.socket());
  ASSERT_TRUE(listener.ok());
  EXPECT_TRUE(dialer_.NoteSilence());
  MakeOlder(place_.silent_marker(), seconds(25));
  EXPECT_TRUE(dialer_.IsSilent());
  MakeOlder(place_.silent_marker(), seconds(31));
  EXPECT_FALSE(dialer_.IsSilent());
  EXPECT_TRUE(dialer_.Dial().ok());
}

}  // namespace
}  // namespace hpcc
