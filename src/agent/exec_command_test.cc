#include "agent/exec_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace hpcc {
namespace {

// What a process that has ended leaves in its pipe.
CommandProgress After(const std::string& written) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  ProgressReader reader{Descriptor(ends[0])};
  const Descriptor to(ends[1]);
  EXPECT_EQ(write(to.get(), written.data(), written.size()), ssize_t(written.size()));
  reader.Read();
  return reader.Read();  // nothing is lost by asking twice
}

std::string Failure() {
  ExecReport report;
  report.NoteFailure("run the program", ENOENT);
  return std::string(reinterpret_cast<const char*>(&report), sizeof(report));
}

TEST(CommandProgressTest, AProgramThatRanHadAPlanAndNoFailure) {
  const CommandProgress progress = After("p");
  EXPECT_TRUE(progress.has_plan);
  EXPECT_FALSE(progress.failed.failed());
}

TEST(CommandProgressTest, OneThatCouldNotBeRunSaysWhy) {
  const CommandProgress progress = After("p" + Failure());
  EXPECT_TRUE(progress.has_plan);
  EXPECT_EQ(progress.failed.step, "run the program");
  EXPECT_EQ(progress.failed.error, ENOENT);
}

TEST(CommandProgressTest, AProcessThatFailedBeforeItHadAPlanSaysWhy) {
  const CommandProgress progress = After(Failure());
  EXPECT_FALSE(progress.has_plan);
  EXPECT_EQ(progress.failed.error, ENOENT);
}

TEST(CommandProgressTest, AProcessThatDiedBeforeItHadAPlanIsAFailure) {
  const CommandProgress progress = After("");
  EXPECT_FALSE(progress.has_plan);
  EXPECT_TRUE(progress.failed.failed());
}

}  // namespace
}  // namespace hpcc
