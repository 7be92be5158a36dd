#include "agent/exec_supervisor.h"

#include <fcntl.h>
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
#include <cstring>
#include <utility>

#include "agent/process_watch.h"
#include "agent/unprivileged.h"
#include "base/bytes.h"
#include "base/socket.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "hpcc/agent/v1/agent.pb.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kPlanTime{10'000};
constexpr uint64_t kMaxPlanBytes = uint64_t{8} << 20;
constexpr int kLookMilliseconds = 10;
constexpr uint64_t kLooksPerSample = 2;  // reading /proc costs more than asking a tmpfs

void Note(const FailedStep& failed, ExecReport* report) {
  report->outcome = ExecReport::Outcome::kNotStarted;
  report->error = failed.error;
  std::strncpy(report->step, failed.step.c_str(), sizeof(report->step) - 1);
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

int64_t Nanoseconds(const timeval& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1000;
}

void DefaultSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

ExecSupervisor::ExecSupervisor(const SupervisorSettings& settings, Descriptor stage,
                               Descriptor standard_output, Descriptor standard_error,
                               Descriptor control)
    : settings_(settings),
      stage_(std::move(stage)),
      standard_output_(std::move(standard_output)),
      standard_error_(std::move(standard_error)),
      control_(std::move(control)) {}

void ExecSupervisor::Run() {
  prctl(PR_SET_NAME, "hpcc-exec");
  if (!ReceivePlan()) return;
  FailedStep failed = EnterExecWorld(settings_, stage_, plan_.writable);
  if (!failed.failed()) failed = MakeGroup();
  if (!failed.failed()) failed = StartCommand();
  // Ours would keep the agent from seeing the end of the command's streams.
  standard_output_.Reset();
  standard_error_.Reset();
  if (failed.failed()) {
    Note(failed, &report_);
  } else {
    report_.outcome = ExecReport::Outcome::kEnded;
    WatchCommand();
  }
  EndEverything();
  Report();
}

bool ExecSupervisor::ReceivePlan() {
  Connection connection(Descriptor(fcntl(control_.get(), F_DUPFD_CLOEXEC, 0)));
  char prefix[8];
  if (!connection.Receive(prefix, kPlanTime).ok()) return false;
  const uint64_t size = ByteReader({prefix, sizeof(prefix)}).Fixed64();
  if (size > kMaxPlanBytes) return false;
  std::string bytes(size, '\0');
  if (!connection.Receive(bytes, kPlanTime).ok()) return false;
  absl::StatusOr<ExecPlan> plan = DecodeExecPlan(bytes);
  if (!plan.ok()) return false;
  plan_ = *std::move(plan);
  return true;
}

// The bounds on processes and on the stage are looked after one by one; the kernel has their sum.
FailedStep ExecSupervisor::MakeGroup() {
  if (settings_.command_group < 0) return {};
  const uint64_t room = settings_.command_group_bytes;
  const uint64_t most = std::min(room, plan_.bounds.memory_bytes) + plan_.bounds.stage_bytes;
  report_.memory_told = 1;
  return group_.Make(settings_.command_group, StrCat("exec-", plan_.identity.user),
                     std::min(room, most));
}

FailedStep ExecSupervisor::StartCommand() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return FailedStep{.step = "create a pipe", .error = errno};
  Descriptor failure(ends[0]);
  Descriptor theirs(ends[1]);
  start_ = std::chrono::steady_clock::now();
  command_ = fork();
  if (command_ == 0) BecomeCommand(theirs.get());
  if (command_ < 0) return FailedStep{.step = "start a process", .error = errno};
  theirs.Reset();
  // At its end without a byte the command runs: execve closed the pipe.
  ExecReport told;
  ssize_t got;
  do {
    got = read(failure.get(), &told, sizeof(told));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(told)) return {};
  return FailedStep{.step = told.step, .error = told.error};
}

void ExecSupervisor::BecomeCommand(int failure_pipe) {
  const auto fail = [failure_pipe](const FailedStep& failed) {
    ExecReport report;
    Note(failed, &report);
    if (write(failure_pipe, &report, sizeof(report)) < 0) _exit(126);
    _exit(127);
  };
  DefaultSignals();
  setsid();
  umask(022);
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(standard_output_.get(), STDOUT_FILENO) < 0 ||
      dup2(standard_error_.get(), STDERR_FILENO) < 0) {
    fail(FailedStep{.step = "connect the standard streams", .error = errno});
  }
  if (group_.made() && !group_.Enter()) {
    fail(FailedStep{.step = "enter the cgroup", .error = errno});
  }
  // Whatever is open besides is ours, and closes itself.
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  std::vector<char*> arguments = Pointers(plan_.arguments);
  std::vector<char*> environment = Pointers(plan_.environment);
  if (FailedStep failed = LimitResources(plan_); failed.failed()) fail(failed);
  if (FailedStep failed = DropPrivileges(plan_, settings_.filter); failed.failed()) fail(failed);
  execve(arguments.front(), arguments.data(), environment.data());
  fail(FailedStep{.step = "run the program", .error = errno});
  _exit(127);
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
  if (fstatfs(stage_.get(), &stage) == 0) {
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
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, command_, 0)));
  while (!ended_) {
    pollfd waiting[2] = {{process.get(), POLLIN, 0}, {control_.get(), POLLIN | POLLRDHUP, 0}};
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
  stage_.Reset();
  send(control_.get(), &report_, sizeof(report_), MSG_NOSIGNAL);
}

}  // namespace hpcc
