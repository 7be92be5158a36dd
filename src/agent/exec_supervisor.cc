#include "agent/exec_supervisor.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/exec_command.h"
#include "agent/process_watch.h"
#include "base/strings.h"
#include "hpcc/agent/v1/agent.pb.h"

namespace hpcc {

namespace {

constexpr int kLookMilliseconds = 10;
constexpr uint64_t kLooksPerSample = 2;  // reading /proc costs more than asking a tmpfs

int64_t Nanoseconds(const timeval& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1000;
}

}  // namespace

ExecSupervisor::ExecSupervisor(const SupervisorSettings& settings, const ExecOwner& owner,
                               SupervisorEnds ends)
    : settings_(settings), owner_(owner), ends_(std::move(ends)) {}

void ExecSupervisor::Run() {
  prctl(PR_SET_NAME, "hpcc-exec");
  FailedStep failed = MakeReady();
  if (!failed.failed()) failed = AwaitPlan();
  if (!failed.failed() && has_plan_) {
    report_.outcome = ExecReport::Outcome::kEnded;
    WatchCommand();
  }
  EndEverything();
  // Whatever this process has ended itself may not have come as far as its program.
  if (!failed.failed() && has_plan_ && !ended_by_us_) failed = progress_.Read().failed;
  if (failed.failed()) report_.NoteFailure(failed.step, failed.error);
  if (failed.failed() || has_plan_) Report();
}

FailedStep ExecSupervisor::MakeReady() {
  if (FailedStep failed = EnterExecWorld(settings_, ends_.stage); failed.failed()) return failed;
  if (settings_.command_group >= 0) {
    report_.memory_told = 1;
    FailedStep failed = group_.Make(settings_.command_group, StrCat("exec-", owner_.identity.user),
                                    settings_.command_group_bytes);
    if (failed.failed()) return failed;
  }
  return StartProcess();
}

// Right into its cgroup: to move a process there stops all others that are starting some.
FailedStep ExecSupervisor::StartProcess() {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return FailedStep{.step = "create a pipe", .error = errno};
  }
  progress_ = ProgressReader(Descriptor(pipe_ends[0]));
  const Descriptor theirs(pipe_ends[1]);
  int process = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&process);
  arguments.exit_signal = SIGCHLD;
  if (group_.made()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(group_.directory());
  }
  command_ = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (command_ < 0) return FailedStep{.step = "start a process", .error = errno};
  if (command_ == 0) {
    // Only one process shall keep the agent from seeing the end of this.
    ends_.control.Reset();
    BecomeCommand({.settings = settings_,
                   .owner = owner_,
                   .group = group_,
                   .standard_output = ends_.standard_output,
                   .standard_error = ends_.standard_error,
                   .plan = ends_.command,
                   .progress = theirs});
  }
  process_ = Descriptor(process);
  ends_.command.Reset();
  return {};
}

// There may never be one: the agent goes away, or has no more use for this. A process that is gone
// before it has a plan is replaced together with this one.
FailedStep ExecSupervisor::AwaitPlan() {
  pollfd waiting[2] = {{ends_.control.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}};
  while (poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) return FailedStep{.step = "wait for a plan", .error = errno};
  }
  if (waiting[0].revents == 0) {
    const CommandProgress progress = progress_.Read();
    if (!progress.has_plan) return progress.failed;
  }
  absl::StatusOr<ExecPlan> plan = ReceiveExecPlan(ends_.control);
  has_plan_ = plan.ok();
  if (has_plan_) plan_ = *std::move(plan);
  start_ = std::chrono::steady_clock::time_point(plan_.start);
  return {};
}

void ExecSupervisor::Reap() {
  int status = 0;
  for (pid_t process; (process = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (process != command_) continue;
    ended_ = true;
    if (WIFSIGNALED(status)) {
      report_.signal = WTERMSIG(status);
    } else {
      report_.exit_status = WEXITSTATUS(status);
    }
  }
}

ExecSupervisor::Look ExecSupervisor::Exceeded(int limit) {
  report_.exceeded = limit;
  return Look::kEnd;
}

ExecSupervisor::Look ExecSupervisor::LookAround() {
  using Result = agent_v1::ExecResult;
  const ExecBounds& bounds = plan_.bounds;
  if (std::chrono::steady_clock::now() - start_ > bounds.wall) {
    return Exceeded(Result::WALL_TIME);
  }
  struct statfs stage;
  if (fstatfs(ends_.stage.get(), &stage) == 0) {
    const uint64_t used = (stage.f_blocks - stage.f_bfree) * static_cast<uint64_t>(stage.f_bsize);
    if (used > plan_.stage_bytes_before + bounds.stage_bytes || stage.f_ffree == 0) {
      return Exceeded(Result::STAGE);
    }
  }
  if (++looks_ % kLooksPerSample != 0) return Look::kGoOn;
  const ProcessUsage usage = SampleProcesses(bounds.processes);
  report_.peak_memory_bytes = std::max(report_.peak_memory_bytes, usage.memory_bytes);
  if (usage.tasks > bounds.processes) return Exceeded(Result::PROCESSES);
  if (usage.memory_bytes > bounds.memory_bytes && ProportionalMemory() > bounds.memory_bytes) {
    return Exceeded(Result::MEMORY);
  }
  rusage waited_for{};
  getrusage(RUSAGE_CHILDREN, &waited_for);
  const std::chrono::nanoseconds reaped(Nanoseconds(waited_for.ru_utime) +
                                        Nanoseconds(waited_for.ru_stime));
  return usage.cpu + reaped > bounds.cpu ? Exceeded(Result::CPU_TIME) : Look::kGoOn;
}

void ExecSupervisor::WatchCommand() {
  while (!ended_) {
    pollfd waiting[2] = {{process_.get(), POLLIN, 0}, {ends_.control.get(), POLLIN | POLLRDHUP, 0}};
    const int ready = poll(waiting, 2, kLookMilliseconds);
    Reap();
    if (ended_) return;
    ended_by_us_ = (ready > 0 && waiting[1].revents != 0) || LookAround() == Look::kEnd;
    if (ended_by_us_) return;
  }
}

void ExecSupervisor::EndEverything() {
  // Nobody is killed by this but what runs in this pid namespace, and this process isn't. Whatever
  // a process was forking as it died is found by the next round.
  for (;;) {
    kill(-1, SIGKILL);
    siginfo_t one{};
    if (waitid(P_ALL, 0, &one, WEXITED | WNOWAIT) != 0 && errno != EINTR) break;
    Reap();  // all that have ended by now: thousands of rounds over thousands would take minutes
  }
  report_.wall_ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start_).count();
  if (group_.made() && report_.exceeded == agent_v1::ExecResult::NONE && group_.RanOutOfMemory()) {
    report_.exceeded = agent_v1::ExecResult::MEMORY;
  }
}

void ExecSupervisor::Report() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  report_.cpu_ns = Nanoseconds(usage.ru_utime) + Nanoseconds(usage.ru_stime);
  const uint64_t largest = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  report_.peak_memory_bytes = std::max(report_.peak_memory_bytes, largest);
  // The stage must be nobody's but the agent's when it hears of the end.
  ends_.stage.Reset();
  send(ends_.control.get(), &report_, sizeof(report_), MSG_NOSIGNAL);
}

}  // namespace hpcc
