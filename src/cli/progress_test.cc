#include "cli/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace hpcc {
namespace {

class SetClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return now_ns_; }
  int64_t FileStampNanoseconds() override { return now_ns_; }
  int64_t MonotonicNanoseconds() override { return now_ns_; }
  void Sleep(std::chrono::nanoseconds duration) override { now_ns_ += duration.count(); }

 private:
  int64_t now_ns_ = 1;
};

class ProgressTest : public testing::Test {
 protected:
  ProgressTest() { console_.err_terminal.is_terminal = true; }

  SetClock clock_;
  StringConsole console_;
  const Environment environment_;
  const Config config_;
  const CommandContext context_{
      FileSystem::Real(), clock_, environment_, config_, "/", "/hpcc", console_};
};

TEST_F(ProgressTest, BarShowsHowMuchIsDoneAndIsClearedAtTheEnd) {
  {
    Progress progress(context_, "Copying");
    clock_.Sleep(std::chrono::seconds(2));
    progress.Show(410, 1024);
    EXPECT_EQ(console_.err, "\r\x1b[KCopying  [########------------]  40.0%  410 of 1024");
  }
  EXPECT_TRUE(console_.err.ends_with("1024\r\x1b[K"));
  EXPECT_EQ(console_.out, "");
}

TEST_F(ProgressTest, BytesAreShownAsPeopleReadThem) {
  Progress progress(context_, "Pulling");
  clock_.Sleep(std::chrono::seconds(2));
  progress.ShowBytes(uint64_t{1} << 20, uint64_t{4} << 20);
  EXPECT_TRUE(console_.err.ends_with("[#####---------------]  25.0%  1 MiB of 4 MiB"))
      << console_.err;
}

TEST_F(ProgressTest, WhatIsDoneSoonIsNotShown) {
  {
    Progress progress(context_, "Copying");
    clock_.Sleep(std::chrono::milliseconds(900));
    progress.Show(1, 2);
  }
  EXPECT_EQ(console_.err, "");
}

TEST_F(ProgressTest, BarIsDrawnTenTimesASecondAtMost) {
  Progress progress(context_, "Copying");
  clock_.Sleep(std::chrono::seconds(2));
  for (int i = 0; i < 1000; ++i) {
    progress.Show(i, 1000);
    clock_.Sleep(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(std::count(console_.err.begin(), console_.err.end(), '\r'), 10);
}

TEST_F(ProgressTest, WithoutATerminalOrWithNothingToDoThereIsNone) {
  for (const bool terminal : {false, true}) {
    console_.err_terminal.is_terminal = terminal;
    Progress progress(context_, "Copying");
    clock_.Sleep(std::chrono::seconds(2));
    progress.Show(0, terminal ? 0 : 2);
  }
  EXPECT_EQ(console_.err, "");
}

}  // namespace
}  // namespace hpcc
