#include "base/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/strings.h"

namespace hpcc {
namespace {

using testing::HasSubstr;

Environment TestEnvironment() {
  Environment environment;
  environment.Set("PATH", "/usr/bin:/bin");
  return environment;
}

std::vector<std::string> Shell(const std::string& script) {
  return {"/bin/sh", "-c", script};
}

absl::StatusOr<CapturedRun> Capture(const std::string& script, const CaptureLimits& limits = {}) {
  return RunCaptured(Shell(script), TestEnvironment(), limits);
}

double SecondsSince(int64_t start_ns) {
  return static_cast<double>(Clock::Real().MonotonicNanoseconds() - start_ns) * 1e-9;
}

TEST(RunCapturedTest, BothStreamsAndTheExitStatusAreCaptured) {
  const absl::StatusOr<CapturedRun> run = Capture("printf out; printf err >&2; exit 3");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->out, "out");
  EXPECT_EQ(run->err, "err");
  EXPECT_EQ(run->exit.code, 3);
  EXPECT_EQ(run->exit.signal, 0);
  EXPECT_FALSE(run->exit.success());
}

TEST(RunCapturedTest, OutputLongerThanAPipeArrivesWhole) {
  const absl::StatusOr<CapturedRun> run =
      Capture("head -c 1000000 /dev/zero; head -c 300000 /dev/zero >&2");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->out, std::string(1'000'000, '\0'));
  EXPECT_EQ(run->err.size(), 300'000U);
  EXPECT_TRUE(run->exit.success());
}

TEST(RunCapturedTest, EnvironmentIsTheOneGivenAndInputIsEmpty) {
  Environment environment = TestEnvironment();
  environment.Set("HPCC_TEST_WORD", "a word");
  const absl::StatusOr<CapturedRun> run =
      RunCaptured(Shell("printf '%s,%s,' \"$HPCC_TEST_WORD\" \"$HOME\"; cat"), environment);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->out, "a word,,");
}

TEST(RunCapturedTest, DeathByASignalIsTold) {
  const absl::StatusOr<CapturedRun> run = Capture("kill -KILL $$");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->exit.signal, SIGKILL);
  EXPECT_FALSE(run->exit.success());
}

TEST(RunCapturedTest, TimeoutKillsTheChildAndWhatItStarted) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // inherited: open for as long as any descendant lives
  const int64_t start = Clock::Real().MonotonicNanoseconds();
  const absl::StatusOr<CapturedRun> run =
      Capture("sleep 60 & sleep 60; wait", {.timeout = std::chrono::milliseconds(300)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(run.status())) << run.status();
  EXPECT_LT(SecondsSince(start), 30);
  close(ends[1]);
  pollfd waiting{ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 20'000), 1) << "a descendant is still running";
  close(ends[0]);
}

TEST(RunCapturedTest, OutputBeyondTheLimitEndsTheChild) {
  const int64_t start = Clock::Real().MonotonicNanoseconds();
  for (const char* script : {"cat /dev/zero", "cat /dev/zero >&2"}) {
    const absl::StatusOr<CapturedRun> run = Capture(script, {.max_output_bytes = 100'000});
    EXPECT_TRUE(absl::IsResourceExhausted(run.status())) << run.status();
  }
  EXPECT_LT(SecondsSince(start), 15);
}

TEST(RunCapturedTest, OutputOfExactlyTheLimitIsKept) {
  const absl::StatusOr<CapturedRun> run = Capture("printf 12345678", {.max_output_bytes = 8});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->out, "12345678");
}

TEST(RunCapturedTest, DescendantThatKeepsTheStreamsOpenIsNotWaitedFor) {
  const int64_t start = Clock::Real().MonotonicNanoseconds();
  const absl::StatusOr<CapturedRun> run = Capture("sleep 60 & printf \"$!\"");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_LT(SecondsSince(start), 9) << "waited for the timeout";
  const pid_t sleeper = static_cast<pid_t>(std::atoi(run->out.c_str()));
  ASSERT_GT(sleeper, 1);
  kill(sleeper, SIGKILL);
}

TEST(RunCapturedTest, MissingProgramIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(RunCaptured({"/no/such/program"}, TestEnvironment()).status()));
}

TEST(CapturedProcessTest, RunsWhileItsCallerDoesSomethingElse) {
  absl::StatusOr<CapturedProcess> process =
      CapturedProcess::Start(Shell("printf out; printf err >&2; exit 3"), TestEnvironment());
  ASSERT_TRUE(process.ok()) << process.status();
  const absl::StatusOr<CapturedRun> other = Capture("printf other");
  ASSERT_TRUE(other.ok()) << other.status();
  const absl::StatusOr<CapturedRun> run = process->Wait();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(other->out, "other");
  EXPECT_EQ(run->out, "out");
  EXPECT_EQ(run->err, "err");
  EXPECT_EQ(run->exit.code, 3);
}

TEST(CapturedProcessTest, OneThatIsNotWaitedForIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // inherited: open for as long as any descendant lives
  {
    const absl::StatusOr<CapturedProcess> process =
        CapturedProcess::Start(Shell("sleep 60 & sleep 60; wait"), TestEnvironment());
    ASSERT_TRUE(process.ok()) << process.status();
  }
  close(ends[1]);
  pollfd waiting{ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 20'000), 1) << "a descendant is still running";
  close(ends[0]);
}

// RunAndRecord and ExitLike work on this process' own streams, signals and end: each test runs them
// in a child whose output it reads.
struct Observed {
  std::string out;
  int wait_status = 0;
};

// Runs `body` with standard output in a pipe. `meanwhile` is called with the child's id when it has
// written its first bytes.
template <typename Body, typename Meanwhile>
Observed InChild(Body body, Meanwhile meanwhile) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);  // never left behind
    // As a shell starts what is in the foreground; tests may run in the background or under nohup.
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) signal(signal_number, SIG_DFL);
    dup2(ends[1], STDOUT_FILENO);
    body();
    _exit(99);
  }
  close(ends[1]);
  Observed observed;
  char buffer[4096];
  bool first = true;
  for (ssize_t size; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    observed.out.append(buffer, static_cast<size_t>(size));
    if (first) meanwhile(child);
    first = false;
  }
  close(ends[0]);
  waitpid(child, &observed.wait_status, 0);
  return observed;
}

template <typename Body>
Observed InChild(Body body) {
  return InChild(body, [](pid_t) {});
}

// What a wrapper does.
void RecordAndExitLike(const std::string& script) {
  const absl::StatusOr<RecordedRun> run =
      RunAndRecord("/bin/sh", Shell(script), TestEnvironment(), 1 << 20);
  if (run.ok()) ExitLike(run->exit);
}

TEST(RunAndRecordTest, StreamsArePassedOnAndKept) {
  const Observed observed = InChild([] {
    const absl::StatusOr<RecordedRun> run =
        RunAndRecord("/bin/sh", Shell("printf out; printf err >&2"), TestEnvironment(), 1 << 20);
    const bool kept = run.ok() && run->out == "out" && run->err == "err" && run->complete &&
                      run->wall_nanoseconds > 0 && run->exit.success();
    _exit(kept ? 0 : 1);
  });
  EXPECT_EQ(observed.out, "out");
  EXPECT_TRUE(WIFEXITED(observed.wait_status));
  EXPECT_EQ(WEXITSTATUS(observed.wait_status), 0) << "what was kept is not what was written";
}

TEST(RunAndRecordTest, BeyondTheLimitTheStreamIsPassedOnWholeButNotComplete) {
  const Observed observed = InChild([] {
    const absl::StatusOr<RecordedRun> run =
        RunAndRecord("/bin/sh", Shell("head -c 300000 /dev/zero"), TestEnvironment(), 1000);
    _exit(run.ok() && !run->complete && run->out.size() <= 1000 ? 0 : 1);
  });
  EXPECT_EQ(observed.out.size(), 300'000U);
  EXPECT_EQ(WEXITSTATUS(observed.wait_status), 0);
}

TEST(RunAndRecordTest, ExitStatusIsPassedOn) {
  for (const int code : {0, 1, 4, 127, 255}) {
    const Observed observed = InChild([&] { RecordAndExitLike(StrCat("exit ", code)); });
    ASSERT_TRUE(WIFEXITED(observed.wait_status));
    EXPECT_EQ(WEXITSTATUS(observed.wait_status), code);
  }
}

TEST(RunAndRecordTest, DeathOfTheChildIsPassedOn) {
  for (const int signal : {SIGSEGV, SIGKILL, SIGABRT}) {
    const Observed observed = InChild([&] { RecordAndExitLike(StrCat("kill -", signal, " $$")); });
    ASSERT_TRUE(WIFSIGNALED(observed.wait_status)) << signal;
    EXPECT_EQ(WTERMSIG(observed.wait_status), signal);
    EXPECT_FALSE(WCOREDUMP(observed.wait_status));
  }
}

TEST(RunAndRecordTest, SignalsReachTheChild) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const Observed observed = InChild(
        [&] {
          RecordAndExitLike(StrCat("trap 'printf caught; exit 7' ", signal,
                                   "; printf ready; i=0; while [ $i -lt 200 ]; do sleep 0.1; "
                                   "i=$((i+1)); done"));
        },
        [&](pid_t child) { kill(child, signal); });
    EXPECT_EQ(observed.out, "readycaught");
    ASSERT_TRUE(WIFEXITED(observed.wait_status)) << signal;
    EXPECT_EQ(WEXITSTATUS(observed.wait_status), 7);
  }
}

TEST(RunAndRecordTest, MissingProgramIsAnErrorAndWritesNothing) {
  const Observed observed = InChild([] {
    const absl::StatusOr<RecordedRun> run =
        RunAndRecord("/no/such/program", {"program"}, TestEnvironment(), 1000);
    _exit(absl::IsNotFound(run.status()) ? 0 : 1);
  });
  EXPECT_EQ(observed.out, "");
  EXPECT_EQ(WEXITSTATUS(observed.wait_status), 0);
}

TEST(ExecTest, ReplacesThisProcessOrTellsWhyNot) {
  const Observed observed = InChild([] {
    Exec("/bin/sh", Shell("printf \"$HPCC_TEST_WORD\"; exit 5"),
         [] {
           Environment environment;
           environment.Set("HPCC_TEST_WORD", "replaced");
           return environment;
         }())
        .IgnoreError();
  });
  EXPECT_EQ(observed.out, "replaced");
  EXPECT_EQ(WEXITSTATUS(observed.wait_status), 5);
  const absl::Status status = Exec("/no/such/program", {"program"}, TestEnvironment());
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/program"));
}

}  // namespace
}  // namespace hpcc
