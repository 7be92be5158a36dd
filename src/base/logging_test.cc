#include "base/logging.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/strings.h"

namespace hpcc {
namespace {

class LoggingTest : public testing::Test {
 protected:
  LoggingTest() {
    std::string pattern = testing::TempDir() + "/hpcc-log-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/log";
  }
  ~LoggingTest() override {
    CloseLog();
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  std::string Contents() const {
    std::ifstream in(path_);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(LoggingTest, NothingIsWrittenBeforeOpenOrAfterClose) {
  EXPECT_FALSE(LogIsOpen());
  Log(LogLevel::kError, "lost");
  ASSERT_TRUE(OpenLog(path_).ok());
  EXPECT_TRUE(LogIsOpen());
  CloseLog();
  Log(LogLevel::kError, "lost too");
  EXPECT_EQ(Contents(), "");
}

TEST_F(LoggingTest, ALineHasTimeProcessLevelAndMessage) {
  ASSERT_TRUE(OpenLog(path_).ok());
  Log(LogLevel::kWarning, "the disk is full");
  const std::regex shape(
      "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z (\\d+) "
      "warning the disk is full\n");
  const std::string contents = Contents();
  std::smatch match;
  ASSERT_TRUE(std::regex_match(contents, match, shape)) << contents;
  EXPECT_EQ(match[1], std::to_string(getpid()));
}

TEST_F(LoggingTest, AMessageStaysOnItsLine) {
  ASSERT_TRUE(OpenLog(path_).ok());
  Log(LogLevel::kInfo, StrCat("a\nb\tc\x1b[31m", std::string(20'000, 'x')));
  const std::string contents = Contents();
  EXPECT_EQ(std::count(contents.begin(), contents.end(), '\n'), 1);
  EXPECT_THAT(contents, testing::HasSubstr("a\\nb\\tc\\x1b[31m"));
  EXPECT_LT(contents.size(), 8400u);
}

TEST_F(LoggingTest, LinesOfSeveralProcessesDoNotMix) {
  ASSERT_TRUE(OpenLog(path_).ok());
  constexpr int kProcesses = 8;
  constexpr int kLines = 200;
  for (int process = 0; process < kProcesses; ++process) {
    if (fork() != 0) continue;
    for (int line = 0; line < kLines; ++line) {
      Log(LogLevel::kInfo, StrCat("<", std::string(100, 'a' + process), ">"));
    }
    _exit(0);
  }
  for (int process = 0; process < kProcesses; ++process) wait(nullptr);
  const std::regex shape("[^ ]+ \\d+ info <([a-h])\\1{99}>");
  int lines = 0;
  const std::string contents = Contents();
  for (const std::string_view line : StrSplit(contents, '\n')) {
    if (line.empty()) continue;
    EXPECT_TRUE(std::regex_match(line.begin(), line.end(), shape)) << line;
    ++lines;
  }
  EXPECT_EQ(lines, kProcesses * kLines);
}

TEST_F(LoggingTest, AClosedStandardErrorIsNotReplacedByTheLog) {
  const int saved = dup(2);
  close(2);
  const bool opened = OpenLog(path_).ok();
  const bool still_closed = fcntl(2, F_GETFD) < 0;
  dup2(saved, 2);
  close(saved);
  EXPECT_TRUE(opened);
  EXPECT_TRUE(still_closed);
}

TEST_F(LoggingTest, AnUnopenableFileIsAnErrorAndKeepsTheLogThatWas) {
  ASSERT_TRUE(OpenLog(path_).ok());
  EXPECT_EQ(OpenLog(directory_ + "/none/log").code(), absl::StatusCode::kNotFound);
  Log(LogLevel::kInfo, "kept");
  EXPECT_THAT(Contents(), testing::HasSubstr("kept"));
}

TEST_F(LoggingTest, TheCallersErrnoSurvives) {
  ASSERT_TRUE(OpenLog("/dev/full").ok());
  errno = EEXIST;
  Log(LogLevel::kInfo, "no room");
  EXPECT_EQ(errno, EEXIST);
}

}  // namespace
}  // namespace hpcc
