// A command that uses up what there is ends, and no other does.

#include <signal.h>

#include <atomic>
#include <thread>

#include "sandbox_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What an emulated processor does takes several times as long.
const int kSlowness = IsVirtualMachine() ? 4 : 1;

class LimitTest : public SandboxTest {
 protected:
  // Runs a bomb beside a command that counts to its end and must not be hurt by it.
  ExecResult RunBeside(const ExecRequest& bomb) {
    std::thread neighbour([this] {
      ExecRequest request = Command({"/bin/sh", "-c",
                                     "i=0; while [ $i -lt 100 ]; do "
                                     "/bin/true; i=$((i+1)); done; echo $i"});
      const absl::StatusOr<ExecResult> result = Exec(request);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->standard_output, "100\n") << result->standard_error;
      EXPECT_EQ(result->exceeded, ExceededLimit::kNone);
    });
    const absl::StatusOr<ExecResult> result = Exec(bomb);
    neighbour.join();
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(Say({"/bin/echo", "alive"}), "alive\n");
    return result.ok() ? *result : ExecResult{};
  }
};

TEST_F(LimitTest, AForkBombEndsItselfOnly) {
  ExecRequest bomb = Command({kProbe, "fork"});
  bomb.limits.processes = 200;
  const ExecResult result = RunBeside(bomb);
  EXPECT_EQ(result.exceeded, ExceededLimit::kProcesses);
  EXPECT_LT(result.wall, kSlowness * std::chrono::seconds(10));
}

TEST_F(LimitTest, AMemoryBombEndsItselfOnly) {
  ExecRequest bomb = Command({kProbe, "eat-memory"});
  bomb.limits.memory_bytes = uint64_t{256} << 20;
  const ExecResult result = RunBeside(bomb);
  EXPECT_EQ(result.exceeded, ExceededLimit::kMemory);
  EXPECT_LT(result.wall, kSlowness * std::chrono::seconds(10));
}

TEST_F(LimitTest, ABombOfSharedMemoryEndsItselfOnly) {
  ExecRequest bomb = Command({kProbe, "eat-shared-memory"});
  bomb.limits.memory_bytes = uint64_t{256} << 20;
  EXPECT_EQ(RunBeside(bomb).exceeded, ExceededLimit::kMemory);
}

TEST_F(LimitTest, AMemoryBombOfManyProcessesEndsItselfOnly) {
  ExecRequest bomb = Command({kProbe, "eat-memory-together"});
  bomb.limits.memory_bytes = uint64_t{256} << 20;
  EXPECT_EQ(RunBeside(bomb).exceeded, ExceededLimit::kMemory);
}

TEST_F(LimitTest, ADiskBombEndsItselfOnly) {
  for (const char* directory : {"/tmp", "/work/build"}) {
    ExecRequest bomb = Command({kProbe, "eat-disk", directory});
    bomb.limits.stage_bytes = uint64_t{128} << 20;
    EXPECT_EQ(RunBeside(bomb).exceeded, ExceededLimit::kStage);
  }
}

TEST_F(LimitTest, ABombOfEmptyFilesEndsItselfOnly) {
  ExecRequest bomb = Command({kProbe, "eat-files", "/tmp"});
  bomb.limits.stage_bytes = uint64_t{64} << 20;
  EXPECT_EQ(RunBeside(bomb).exceeded, ExceededLimit::kStage);
}

TEST_F(LimitTest, OneBlobUnderManyPathsIsRefusedBeforeItFillsTheMemory) {
  constexpr uint64_t kBytes = uint64_t{8} << 20;
  const uint64_t paths = sandbox_->spec().blob_bytes / kBytes + 1;
  const std::string data(kBytes, 'x');
  for (uint64_t i = 0; i < paths; ++i) AddFile(StrCat("/work/", 1000 + i), data);
  const absl::Status status = Exec(Command({"/bin/true"})).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(StrContains(std::string(status.message()), "its sources")) << status;

  manifest_.entries.resize(2);
  EXPECT_EQ(Say({"/usr/bin/stat", "-c", "%s", "/work/1000"}), StrCat(kBytes, "\n"));
}

class RoomForSourcesTest : public LimitTest {
 protected:
  // Two commands at once would not fit with these sources.
  void SetUp() override {
    Start({.id = "test", .tenant = "acme", .image = "host", .cpus = 4, .blob_bytes = kRoom});
    for (uint64_t i = 0; i < kRoom / kFile * 5 / 8; ++i) {
      AddFile(StrCat("/work/", 1000 + i), std::string(kFile, 'x'));
    }
  }

  // An emulated processor may take longer for the other command than this one has patience.
  absl::Status ExecAtLast(const ExecRequest& request, const std::function<bool()>& cancelled) {
    absl::Status status = Exec(request, cancelled).status();
    for (int tries = 1; IsVirtualMachine() && absl::IsResourceExhausted(status) && tries < 20;
         ++tries) {
      status = Exec(request, cancelled).status();
    }
    return status;
  }

  static constexpr uint64_t kRoom = uint64_t{32} << 20;
  static constexpr uint64_t kFile = uint64_t{1} << 20;
};

TEST_F(RoomForSourcesTest, ACommandWaitsForTheRoomOfAnother) {
  const auto start = steady_clock::now();
  const auto sleep = [this] {
    const absl::Status status = ExecAtLast(Command({"/bin/sleep", "0.4"}), nullptr);
    EXPECT_TRUE(status.ok()) << status;
  };
  std::thread other(sleep);
  sleep();
  other.join();
  EXPECT_GE(steady_clock::now() - start, milliseconds(800)) << "they ran at the same time";
}

TEST_F(RoomForSourcesTest, ACommandIsRefusedWhereNoRoomComesWhileSmallerOnesRun) {
  std::atomic<bool> enough{false};
  std::thread holder([&] {
    const absl::Status status =
        ExecAtLast(Command({"/bin/sleep", "60"}), [&enough] { return enough.load(); });
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
  });
  std::this_thread::sleep_for(kSlowness * milliseconds(250));
  absl::Status status;
  const auto give_up = steady_clock::now() + kSlowness * std::chrono::seconds(10);
  // It runs while the other one has not begun.
  while (status.ok() && steady_clock::now() < give_up) {
    status = Exec(Command({"/bin/true"})).status();
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(StrContains(std::string(status.message()), "its sources")) << status;
  manifest_.entries.resize(1);
  EXPECT_EQ(Say({"/usr/bin/stat", "-c", "%s", "/work/1000"}), StrCat(kFile, "\n"));
  enough = true;
  holder.join();
}

TEST_F(LimitTest, AnEndlessLoopEndsAtItsWallTime) {
  ExecRequest bomb = Command({kProbe, "spin"});
  bomb.limits.wall = milliseconds(700);
  const ExecResult result = RunBeside(bomb);
  EXPECT_EQ(result.exceeded, ExceededLimit::kWallTime);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_GE(result.wall, milliseconds(700));
  EXPECT_LT(result.wall, kSlowness * milliseconds(2500));
}

TEST_F(LimitTest, AnEndlessLoopEndsAtItsProcessorTime) {
  ExecRequest bomb = Command({kProbe, "spin"});
  bomb.limits.cpu = std::chrono::seconds(1);
  EXPECT_EQ(RunBeside(bomb).exceeded, ExceededLimit::kCpuTime);
}

TEST_F(LimitTest, EndlessOutputEndsItselfOnly) {
  ExecRequest bomb = Command({kProbe, "shout"});
  bomb.limits.stdio_bytes = uint64_t{1} << 20;
  const ExecResult result = RunBeside(bomb);
  EXPECT_EQ(result.exceeded, ExceededLimit::kStdio);
  EXPECT_LE(result.standard_output.size(), size_t{1} << 20);
}

TEST_F(LimitTest, WhatACommandLeavesBehindDoesNotHoldItUp) {
  const auto start = steady_clock::now();
  EXPECT_EQ(Probe({"leave-behind"}), "left\n");
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(LimitTest, CancellingKillsWithinASecond) {
  std::atomic<bool> cancel{false};
  steady_clock::time_point asked;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(500));
    asked = steady_clock::now();
    cancel = true;
  });
  const absl::StatusOr<ExecResult> result =
      Exec(Command({kProbe, "ignore-signals"}), [&cancel] { return cancel.load(); });
  const auto end = steady_clock::now();
  canceller.join();
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
  EXPECT_LT(end - asked, std::chrono::seconds(1));
  // And its place is free again: a sandbox of four takes four, for longer than it lets one wait.
  // The guest of a busy machine may be late at ending the command, but not for ever.
  std::atomic<int> refused{4};
  for (int tries = 0; refused != 0 && tries < 5; ++tries) {
    refused = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 4; ++i) {
      all.emplace_back([this, &refused] {
        const absl::StatusOr<ExecResult> slept = Exec(Command({"/bin/sleep", "4"}));
        if (absl::IsResourceExhausted(slept.status())) {
          ++refused;
        } else {
          EXPECT_TRUE(slept.ok()) << slept.status();
        }
      });
    }
    for (std::thread& one : all) one.join();
  }
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace hpcc
