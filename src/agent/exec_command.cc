#include "agent/exec_command.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "agent/unprivileged.h"
#include "base/string_pointers.h"

namespace hpcc {

namespace {

[[noreturn]] void Fail(const Descriptor& pipe, const FailedStep& failed) {
  ExecReport report;
  report.NoteFailure(failed.step, failed.error);
  if (write(pipe.get(), &report, sizeof(report)) < 0) _exit(126);
  _exit(127);
}

FailedStep Failed(std::string step) {
  return FailedStep{.step = std::move(step), .error = errno};
}

void DefaultSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

FailedStep ConnectStreams(const CommandStart& start) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
      dup2(start.standard_output.get(), STDOUT_FILENO) < 0 ||
      dup2(start.standard_error.get(), STDERR_FILENO) < 0) {
    return Failed("connect the standard streams");
  }
  // Whatever is open besides is ours, and closes itself.
  if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    return Failed("close what is ours");
  }
  return {};
}

}  // namespace

void BecomeCommand(const CommandStart& start) {
  DefaultSignals();
  setsid();
  umask(022);
  FailedStep failed = ConnectStreams(start);
  if (!failed.failed()) failed = DropPrivileges(start.owner, start.settings.filter);
  if (failed.failed()) Fail(start.failure, failed);

  const absl::StatusOr<std::string> encoded = ReceiveExecPlan(start.plan);
  absl::StatusOr<ExecPlan> plan = encoded.ok() ? DecodeExecPlan(*encoded) : encoded.status();
  if (!plan.ok()) Fail(start.failure, FailedStep{.step = "get a plan", .error = EPROTO});
  std::vector<char*> arguments = StringPointers(plan->arguments);
  std::vector<char*> environment = StringPointers(plan->environment);
  failed = LimitResources(plan->bounds);
  if (!failed.failed() && chdir(plan->working_directory.c_str()) != 0) {
    failed = Failed("enter the working directory");
  }
  if (failed.failed()) Fail(start.failure, failed);
  execve(arguments.front(), arguments.data(), environment.data());
  Fail(start.failure, Failed("run the program"));
}

FailedStep ReadFailure(const Descriptor& pipe) {
  ExecReport report;
  ssize_t got;
  do {
    got = read(pipe.get(), &report, sizeof(report));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(report)) return {};
  return FailedStep{.step = report.step, .error = report.error};
}

}  // namespace hpcc
