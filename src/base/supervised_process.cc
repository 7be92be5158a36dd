#include "base/supervised_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/string_pointers.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kStep{20};

// In the child, between fork and exec: system calls only.
[[noreturn]] void BecomeProgram(pid_t parent, char* const* argv, char* const* variables, int log) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (getppid() != parent) _exit(1);  // it died before the line above
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal_number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) {
    signal(signal_number, SIG_DFL);
  }
  execve(argv[0], argv, variables);
  _exit(127);
}

ExitStatus StatusOf(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace

absl::StatusOr<SupervisedProcess> SupervisedProcess::Start(const std::vector<std::string>& argv,
                                                           const Environment& environment,
                                                           const std::string& log) {
  if (access(argv.front().c_str(), X_OK) != 0) return ErrnoStatus(errno, "run", argv.front());
  const Descriptor output(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output.valid()) return ErrnoStatus(errno, "open", log);
  std::vector<std::string> words = argv;
  std::vector<std::string> variables = environment.ToStrings();
  const std::vector<char*> word_pointers = StringPointers(words);
  const std::vector<char*> variable_pointers = StringPointers(variables);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "fork for", argv.front());
  if (child == 0) {
    BecomeProgram(parent, word_pointers.data(), variable_pointers.data(), output.get());
  }
  return SupervisedProcess(child);
}

SupervisedProcess::SupervisedProcess(SupervisedProcess&& other) noexcept
    : process_(other.process_), ended_(other.ended_) {
  other.ended_ = ExitStatus();  // nobody's to kill any more
}

SupervisedProcess::~SupervisedProcess() {
  if (!Poll()) Stop(std::chrono::milliseconds(0));
}

std::optional<ExitStatus> SupervisedProcess::Poll() {
  if (ended_) return ended_;
  int status = 0;
  const pid_t found = waitpid(static_cast<pid_t>(process_), &status, WNOHANG);
  if (found == process_) ended_ = StatusOf(status);
  if (found < 0 && errno != EINTR) ended_ = ExitStatus{.code = 1, .signal = 0};  // not a child
  return ended_;
}

ExitStatus SupervisedProcess::Stop(std::chrono::milliseconds patience) {
  if (const std::optional<ExitStatus> ended = Poll()) return *ended;
  kill(static_cast<pid_t>(process_), SIGTERM);
  for (std::chrono::milliseconds waited{0}; waited < patience; waited += kStep) {
    if (const std::optional<ExitStatus> ended = Poll()) return *ended;
    std::this_thread::sleep_for(kStep);
  }
  kill(static_cast<pid_t>(process_), SIGKILL);
  int status = 0;
  while (waitpid(static_cast<pid_t>(process_), &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = StatusOf(status);
  return *ended_;
}

}  // namespace hpcc
