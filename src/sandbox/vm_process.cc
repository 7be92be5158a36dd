#include "sandbox/vm_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int kMostDescriptors = 64;
constexpr int kExecPatienceMs = 20'000;  // from fork to exec

// A parent-death signal comes when the thread that forked ends. This one ends with the process.
class ForkingThread {
 public:
  static ForkingThread& Get() {
    static auto* const thread = new ForkingThread;
    return *thread;
  }
  // Returns when `work` has been done.
  void Run(const std::function<void()>& work) {
    std::unique_lock lock(mutex_);
    bool done = false;
    work_.emplace_back([&] {
      work();
      const std::lock_guard inner(mutex_);
      done = true;
      changed_.notify_all();
    });
    changed_.notify_all();
    changed_.wait(lock, [&done] { return done; });
  }

 private:
  ForkingThread() {
    std::thread([this] {
      for (;;) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !work_.empty(); });
        const std::function<void()> work = std::move(work_.front());
        work_.pop_front();
        lock.unlock();
        work();
      }
    }).detach();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
};

bool Limit(__rlimit_resource resource, uint64_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  return value == 0 || setrlimit(resource, &limit) == 0;
}

// Between fork and exec of a process with threads: system calls and nothing else.
bool Arrange(const VmProgram& program) {
  // First out of the way of the numbers they get.
  const auto count = static_cast<int>(program.descriptors.size());
  int spare[kMostDescriptors];
  for (int i = 0; i < count; ++i) {
    spare[i] = fcntl(program.descriptors[i], F_DUPFD_CLOEXEC, kMostDescriptors);
    if (spare[i] < 0) return false;
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(spare[i], i) < 0) return false;
  }
  if (close_range(count, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  const rlimit no_core{};
  return setrlimit(RLIMIT_CORE, &no_core) == 0 && Limit(RLIMIT_AS, program.address_space_bytes) &&
         Limit(RLIMIT_FSIZE, program.file_bytes) && Limit(RLIMIT_NOFILE, program.open_files) &&
         Limit(RLIMIT_NPROC, program.tasks);
}

// Raw calls: the library's take a lock, which a thread that doesn't exist here may hold, to tell
// all threads of the new ids.
bool Descend(const VmProgram& program) {
  setsid();
  const uid_t id = program.user;
  if (id != 0 &&
      (syscall(SYS_setgroups, program.groups.size(), program.groups.data()) != 0 ||
       syscall(SYS_setresgid, id, id, id) != 0 || syscall(SYS_setresuid, id, id, id) != 0)) {
    return false;
  }
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

[[noreturn]] void Become(const VmProgram& program, char* const* arguments, int failure,
                         pid_t parent) {
  static char path[] = "PATH=/usr/bin:/bin";
  char* const environment[] = {path, nullptr};
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // A change of user clears the signal, so it is asked for afterwards.
  if (Arrange(program) && Descend(program) && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
      getppid() == parent) {
    execve(program.program.c_str(), arguments, environment);
  }
  const int error = errno;
  if (write(failure, &error, sizeof(error)) < 0) _exit(126);
  _exit(127);
}

struct Forked {
  pid_t process = -1;
  int descriptor = -1;
  int error = 0;
};

Forked Fork(const VmProgram& program, char* const* arguments, int failure) {
  Forked forked;
  clone_args how{};
  how.flags = CLONE_PIDFD;
  how.pidfd = reinterpret_cast<uint64_t>(&forked.descriptor);
  how.exit_signal = SIGCHLD;
  const pid_t parent = getpid();
  const long child = syscall(SYS_clone3, &how, sizeof(how));
  if (child == 0) Become(program, arguments, failure, parent);
  forked.error = child < 0 ? errno : 0;
  forked.process = static_cast<pid_t>(child);
  return forked;
}

}  // namespace

absl::StatusOr<VmProcess> StartVmProcess(const VmProgram& program) {
  if (program.descriptors.size() > size_t{kMostDescriptors}) {
    return absl::InvalidArgumentError("vm: too many descriptors");
  }
  std::vector<std::string> words = program.arguments;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create", "a pipe");
  const Descriptor failure(ends[0]);
  Descriptor theirs(fcntl(ends[1], F_DUPFD_CLOEXEC, kMostDescriptors));
  close(ends[1]);
  Forked forked;
  ForkingThread::Get().Run([&] { forked = Fork(program, arguments.data(), theirs.get()); });
  if (forked.error != 0) return ErrnoStatus(forked.error, "start", program.program);
  theirs.Reset();
  VmProcess process{.process = forked.process, .descriptor = Descriptor(forked.descriptor)};
  int error = 0;
  pollfd said{failure.get(), POLLIN, 0};
  siginfo_t info{};
  int spoke;
  do {
    spoke = poll(&said, 1, kExecPatienceMs);
  } while (spoke < 0 && errno == EINTR);
  if (spoke <= 0) {
    kill(process.process, SIGKILL);
    waitid(P_PID, static_cast<id_t>(process.process), &info, WEXITED);
    return absl::DeadlineExceededError(StrCat(program.program, ": it does not come to run"));
  }
  ssize_t got;
  do {
    got = read(failure.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(error)) return process;  // execve closed the pipe: it runs
  waitid(P_PID, static_cast<id_t>(process.process), &info, WEXITED);
  return ErrnoStatus(error, "run", program.program);
}

}  // namespace hpcc
