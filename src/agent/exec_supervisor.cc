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
constexpr int kAnswerMilliseconds = 1000;
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
  if (!failed.failed()) failed = ReadFailure(failure_);
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
  int socket_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return FailedStep{.step = "create a pipe", .error = errno};
  }
  failure_ = Descriptor(pipe_ends[0]);
  const Descriptor failure(pipe_ends[1]);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket_ends) != 0) {
    return FailedStep{.step = "create a socket pair", .error = errno};
  }
  plan_to_ = Descriptor(socket_ends[0]);
  const Descriptor plan(socket_ends[1]);
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
    // Whose end is seen at their other ends is one process's alone.
    ends_.control.Reset();
    plan_to_.Reset();
    BecomeCommand({.settings = settings_,
                   .owner = owner_,
                   .standard_output = ends_.standard_output,
                   .standard_error = ends_.standard_error,
                   .plan = plan,
                   .failure = failure});
  }
  process_ = Descriptor(process);
  return {};
}

// There may never be one: the agent goes away, or has no more use for this. A process that is gone
// before it has a plan is replaced together with this one.
FailedStep ExecSupervisor::AwaitPlan() {
  pollfd waiting[2] = {{ends_.control.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}};
  while (poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) return FailedStep{.step = "wait for a plan", .error = errno};
  }
  if (waiting[1].revents != 0) {
    FailedStep failed = ReadFailure(failure_);
    return failed.failed() ? failed : FailedStep{.step = "keep a process", .error = ECHILD};
  }
  const absl::StatusOr<std::string> encoded = ReceiveExecPlan(ends_.control);
  if (!encoded.ok()) return {};
  absl::StatusOr<ExecPlan> plan = DecodeExecPlan(*encoded);
  if (!plan.ok()) return FailedStep{.step = "read a plan", .error = EPROTO};
  has_plan_ = true;
  plan_ = *std::move(plan);
  start_ = std::chrono::steady_clock::time_point(plan_.start);
  if (FailedStep failed = CloseExecWorld(plan_.writable); failed.failed()) return failed;
  if (FailedStep failed = LimitGroup(); failed.failed()) return failed;
  if (!SendExecPlan(*encoded, plan_to_).ok()) {
    return FailedStep{.step = "pass on a plan", .error = EPIPE};
  }
  return {};
}

// The bounds on processes and on the stage are looked after one by one; the kernel has their sum.
FailedStep ExecSupervisor::LimitGroup() {
  if (!group_.made()) return {};
  const uint64_t room = settings_.command_group_bytes;
  const uint64_t most = std::min(room, plan_.bounds.memory_bytes) + plan_.bounds.stage_bytes;
  if (most >= room || group_.Limit(most)) return {};
  return FailedStep{.step = "limit the cgroup", .error = errno};
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
    if (ended_ || (ready > 0 && waiting[1].revents != 0)) return;
    if (LookAround() == Look::kEnd) return;
  }
}

void ExecSupervisor::EndEverything() {
  // Nobody is killed by this but what runs in this pid namespace, and this process isn't. Whatever
  // a process was forking as it died is found by the next round.
  for (;;) {
    siginfo_t one{};
    // Whatever is left is a child of this process, or below one.
    if (waitid(P_ALL, 0, &one, WEXITED | WNOWAIT | WNOHANG) != 0 && errno == ECHILD) break;
    kill(-1, SIGKILL);
    waitid(P_ALL, 0, &one, WEXITED | WNOWAIT);
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
  // To take this world apart has time until the agent has given its answer.
  pollfd agent{ends_.control.get(), POLLRDHUP, 0};
  poll(&agent, 1, kAnswerMilliseconds);
}

}  // namespace hpcc
