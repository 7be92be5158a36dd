#include "sandbox/namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bitset>
#include <cerrno>
#include <mutex>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// Beyond what any distribution hands out to users and containers, below what is negative somewhere.
constexpr uint32_t kFirstId = 0x5000'0000;
constexpr size_t kRanges = 8'192;

constexpr int kChildPatienceMs = 10'000;

constexpr uint64_t kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

struct Ranges {
  std::mutex mutex;
  std::bitset<kRanges> taken;
  size_t next = static_cast<size_t>(getpid()) * 64 % kRanges;  // not every worker's are the same
};

Ranges& AllRanges() {
  static Ranges& ranges = *new Ranges;
  return ranges;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "open", path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", path);
  }
  return absl::OkStatus();
}

// What the child needs, laid out before it exists: it is a copy of a process with threads and may
// call nothing that takes a lock or allocates.
struct ChildPlan {
  int program;
  int gate;
  char* const* arguments;
  char* const* environment;
  const int* descriptors;
  int count;
  int* moved;  // room for `count` numbers
};

[[noreturn]] void RunChild(const ChildPlan& plan) {
  char byte = 0;
  // Files in /proc of a process whose memory is private (PR_SET_DUMPABLE) are root's, and a worker
  // that isn't root could not write the id maps there.
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (send(plan.gate, &byte, 1, MSG_NOSIGNAL) != 1) _exit(125);
  ssize_t got;
  do {
    got = read(plan.gate, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) _exit(125);  // the parent has changed its mind, or is gone
  // Root of the new user namespace, so that execve leaves it its capabilities. Raw calls: the
  // library's would tell threads that don't exist here. With one id only, groups can't be set.
  syscall(SYS_setgroups, 0, nullptr);
  if (syscall(SYS_setresgid, 0, 0, 0) != 0 || syscall(SYS_setresuid, 0, 0, 0) != 0) _exit(125);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // First out of each other's way, then where they belong.
  for (int i = 0; i < plan.count; ++i) {
    plan.moved[i] = fcntl(plan.descriptors[i], F_DUPFD_CLOEXEC, plan.count);
    if (plan.moved[i] < 0) _exit(125);
  }
  const int program = fcntl(plan.program, F_DUPFD_CLOEXEC, plan.count);
  for (int i = 0; i < plan.count; ++i) {
    if (dup2(plan.moved[i], i) < 0) _exit(125);
  }
  close_range(static_cast<unsigned>(plan.count), ~0U, CLOSE_RANGE_CLOEXEC);
  setsid();
  syscall(SYS_execveat, program, "", plan.arguments, plan.environment, AT_EMPTY_PATH);
  _exit(126);
}

std::string WhyNoNamespaces(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return " (this system lets this user make no user namespaces)";
    case ENOSPC:
    case EUSERS:
      return " (no more are allowed: /proc/sys/user/max_*_namespaces)";
    default:
      return "";
  }
}

}  // namespace

std::unique_ptr<IdRange> IdRange::Take() {
  Ranges& ranges = AllRanges();
  const std::lock_guard lock(ranges.mutex);
  for (size_t tried = 0; tried < kRanges; ++tried) {
    const size_t slot = ranges.next++ % kRanges;
    if (ranges.taken[slot]) continue;
    ranges.taken.set(slot);
    return std::unique_ptr<IdRange>(new IdRange(kFirstId + static_cast<uint32_t>(slot) * kSize));
  }
  return nullptr;
}

IdRange::~IdRange() {
  Ranges& ranges = AllRanges();
  const std::lock_guard lock(ranges.mutex);
  ranges.taken.reset((first_ - kFirstId) / kSize);
}

absl::StatusOr<NamespaceChild> NamespaceChild::Clone(const NamespaceProgram& program) {
  int gate[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) != 0) {
    return ErrnoStatus(errno, "create", "a socket pair");
  }
  NamespaceChild child;
  child.gate_ = Descriptor(gate[0]);
  const Descriptor theirs(gate[1]);

  std::vector<std::string> arguments = program.arguments;
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  char* const no_environment[] = {nullptr};
  std::vector<int> moved(program.descriptors.size());
  const ChildPlan plan{.program = program.program,
                       .gate = theirs.get(),
                       .arguments = pointers.data(),
                       .environment = no_environment,
                       .descriptors = program.descriptors.data(),
                       .count = static_cast<int>(program.descriptors.size()),
                       .moved = moved.data()};

  int process_descriptor = -1;
  clone_args clone{};
  clone.flags = kNamespaces | CLONE_PIDFD;
  clone.pidfd = reinterpret_cast<uint64_t>(&process_descriptor);
  clone.exit_signal = SIGCHLD;
  const long process = syscall(SYS_clone3, &clone, sizeof(clone));
  if (process == 0) {
    close(gate[0]);  // its end is how the child learns that the parent is gone
    RunChild(plan);
  }
  if (process < 0) {
    const int error = errno;
    return ErrnoStatus(error, "create", StrCat("namespaces", WhyNoNamespaces(error)));
  }
  child.process_ = static_cast<pid_t>(process);
  child.process_descriptor_ = Descriptor(process_descriptor);
  return child;
}

NamespaceChild::~NamespaceChild() {
  if (!process_descriptor_.valid()) return;
  kill(process_, SIGKILL);
  siginfo_t info{};
  while (waitid(static_cast<idtype_t>(P_PID), static_cast<id_t>(process_), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

absl::Status NamespaceChild::AwaitChild() const {
  pollfd ready = {.fd = gate_.get(), .events = POLLIN, .revents = 0};
  char byte;
  int got = 0;
  do {
    got = poll(&ready, 1, kChildPatienceMs);
  } while (got < 0 && errno == EINTR);
  if (got == 1 && recv(gate_.get(), &byte, 1, 0) == 1) return absl::OkStatus();
  return absl::UnavailableError("a sandbox's first process did not begin");
}

absl::StatusOr<uint32_t> NamespaceChild::MapIds(const IdRange* range) const {
  HPCC_RETURN_IF_ERROR(AwaitChild());
  const std::string proc = StrCat("/proc/", process_);
  if (range != nullptr) {
    const std::string map = StrCat("0 ", range->first(), " ", IdRange::kSize);
    if (WriteFile(proc + "/gid_map", map).ok()) {
      HPCC_RETURN_IF_ERROR(WriteFile(proc + "/uid_map", map));
      return IdRange::kSize;
    }
  }
  HPCC_RETURN_IF_ERROR(WriteFile(proc + "/setgroups", "deny"));
  HPCC_RETURN_IF_ERROR(WriteFile(proc + "/gid_map", StrCat("0 ", getegid(), " 1")));
  HPCC_RETURN_IF_ERROR(WriteFile(proc + "/uid_map", StrCat("0 ", geteuid(), " 1")));
  return 1;
}

absl::Status NamespaceChild::Run() {
  const char byte = 0;
  if (send(gate_.get(), &byte, 1, MSG_NOSIGNAL) != 1) {
    return ErrnoStatus(errno, "start", "a sandbox's first process");
  }
  return absl::OkStatus();
}

}  // namespace hpcc
