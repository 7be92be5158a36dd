#include "agent/exec_command.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "agent/unprivileged.h"

namespace hpcc {

namespace {

constexpr char kHasPlan = 'p';  // the first byte of progress, and an ExecReport where it fails

[[noreturn]] void Fail(const Descriptor& progress, const FailedStep& failed) {
  ExecReport report;
  report.NoteFailure(failed.step, failed.error);
  if (write(progress.get(), &report, sizeof(report)) < 0) _exit(126);
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

// The bounds on processes and on the stage are looked after one by one; the kernel has their sum.
FailedStep LimitGroup(const CommandStart& start, const ExecBounds& bounds) {
  if (!start.group.made()) return {};
  const uint64_t room = start.settings.command_group_bytes;
  const uint64_t most = std::min(room, bounds.memory_bytes) + bounds.stage_bytes;
  if (most >= room || start.group.Limit(most)) return {};
  return Failed("limit the cgroup");
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void BecomeCommand(const CommandStart& start) {
  DefaultSignals();
  setsid();
  umask(022);
  FailedStep failed = ConnectStreams(start);
  if (!failed.failed()) failed = LimitAhead();
  if (failed.failed()) Fail(start.progress, failed);

  absl::StatusOr<ExecPlan> plan = ReceiveExecPlan(start.plan);
  if (!plan.ok()) _exit(0);  // there will be none
  if (write(start.progress.get(), &kHasPlan, 1) != 1) _exit(126);
  std::vector<char*> arguments = Pointers(plan->arguments);
  std::vector<char*> environment = Pointers(plan->environment);
  failed = CloseExecWorld(plan->writable);
  if (!failed.failed()) failed = LimitGroup(start, plan->bounds);
  if (!failed.failed()) failed = LimitResources(start.owner, plan->bounds);
  if (!failed.failed()) {
    failed = DropPrivileges(start.owner, plan->working_directory, start.settings.filter);
  }
  if (failed.failed()) Fail(start.progress, failed);
  execve(arguments.front(), arguments.data(), environment.data());
  Fail(start.progress, Failed("run the program"));
}

CommandProgress ProgressReader::Read() {
  char bytes[1 + sizeof(ExecReport)];
  while (pipe_.valid()) {
    const ssize_t got = read(pipe_.get(), bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) pipe_.Reset();
    if (got > 0) bytes_.append(bytes, static_cast<size_t>(got));
  }
  CommandProgress progress;
  progress.has_plan = bytes_.starts_with(kHasPlan) && bytes_.size() % sizeof(ExecReport) == 1;
  if (bytes_.size() >= sizeof(ExecReport)) {
    ExecReport report;
    bytes_.copy(reinterpret_cast<char*>(&report), sizeof(report), bytes_.size() - sizeof(report));
    progress.failed = FailedStep{.step = report.step, .error = report.error};
  } else if (!progress.has_plan) {
    progress.failed = FailedStep{.step = "keep a process ready", .error = ECHILD};
  }
  return progress;
}

}  // namespace hpcc
