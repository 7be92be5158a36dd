#include "base/detached_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/status.h"
#include "base/string_pointers.h"

namespace hpcc {

namespace {

// In the child, between fork and exec: system calls only.
[[noreturn]] void BecomeProgram(char* const* argv, char* const* variables, int output) {
  setsid();
  // The parent of what runs on is init, which collects it.
  if (const pid_t grandchild = fork(); grandchild != 0) _exit(grandchild < 0 ? 1 : 0);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(output >= 0 ? output : null, STDOUT_FILENO);
  dup2(output >= 0 ? output : null, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal_number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) {
    signal(signal_number, SIG_DFL);
  }
  if (chdir("/") != 0) _exit(1);
  execve(argv[0], argv, variables);
  _exit(1);
}

}  // namespace

absl::Status StartDetached(const std::vector<std::string>& argv, const Environment& environment,
                           const Descriptor& output) {
  if (access(argv.front().c_str(), X_OK) != 0) return ErrnoStatus(errno, "run", argv.front());
  std::vector<std::string> words = argv;
  std::vector<std::string> variables = environment.ToStrings();
  const std::vector<char*> word_pointers = StringPointers(words);
  const std::vector<char*> variable_pointers = StringPointers(variables);
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "fork for", argv.front());
  if (child == 0) BecomeProgram(word_pointers.data(), variable_pointers.data(), output.get());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return absl::UnavailableError("the machine has no room for another process");
  return absl::OkStatus();
}

absl::StatusOr<Pipe> OpenPipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe", "");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace hpcc
