#include "agent/exec_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

namespace hpcc {
namespace {

class ReadFailureTest : public ::testing::Test {
 protected:
  ReadFailureTest() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    from_ = Descriptor(ends[0]);
    to_ = Descriptor(ends[1]);
  }

  Descriptor from_;
  Descriptor to_;
};

TEST_F(ReadFailureTest, AProgramThatRanLeavesNone) {
  EXPECT_FALSE(ReadFailure(from_).failed());
  to_.Reset();
  EXPECT_FALSE(ReadFailure(from_).failed());
}

TEST_F(ReadFailureTest, WhatCouldNotBeDoneIsSaid) {
  ExecReport report;
  report.NoteFailure("run the program", ENOENT);
  ASSERT_EQ(write(to_.get(), &report, sizeof(report)), ssize_t(sizeof(report)));
  const FailedStep failed = ReadFailure(from_);
  EXPECT_EQ(failed.step, "run the program");
  EXPECT_EQ(failed.error, ENOENT);
}

TEST_F(ReadFailureTest, HalfAWordIsNone) {
  ASSERT_EQ(write(to_.get(), "half", 4), 4);
  EXPECT_FALSE(ReadFailure(from_).failed());
}

}  // namespace
}  // namespace hpcc
