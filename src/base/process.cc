#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "base/clock.h"
#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/string_pointers.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kReadChunk = size_t{64} << 10;
constexpr std::array kForwardedSignals = {SIGINT, SIGTERM, SIGHUP};

// The two ends of a stream a child writes: we read one, it gets the other.
struct StreamPair {
  Descriptor ours;
  Descriptor theirs;
};

absl::StatusOr<StreamPair> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create", "a pipe");
  return StreamPair{Descriptor(ends[0]), Descriptor(ends[1])};
}

// A terminal like `like`: same size and modes, but output arrives as it was written, since the real
// terminal still does its own output processing.
absl::StatusOr<StreamPair> MakeTerminal(int like) {
  Descriptor ours(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  if (!ours.valid() || grantpt(ours.get()) != 0 || unlockpt(ours.get()) != 0 ||
      ptsname_r(ours.get(), name, sizeof(name)) != 0) {
    return ErrnoStatus(errno, "create", "a terminal");
  }
  Descriptor theirs(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!theirs.valid()) return ErrnoStatus(errno, "open", name);
  termios modes{};
  if (tcgetattr(like, &modes) == 0) {
    modes.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    tcsetattr(theirs.get(), TCSANOW, &modes);
  }
  winsize size{};
  if (ioctl(like, TIOCGWINSZ, &size) == 0) ioctl(theirs.get(), TIOCSWINSZ, &size);
  return StreamPair{std::move(ours), std::move(theirs)};
}

absl::StatusOr<StreamPair> MakeStreamLike(int descriptor) {
  if (isatty(descriptor)) {
    absl::StatusOr<StreamPair> terminal = MakeTerminal(descriptor);
    if (terminal.ok()) return terminal;
  }
  return MakePipe();
}

struct SpawnOptions {
  int out = -1;
  int err = -1;
  bool detached = false;  // no standard input, own process group
};

absl::StatusOr<pid_t> Spawn(const std::string& path, const std::vector<std::string>& argv,
                            const Environment& environment, const SpawnOptions& options) {
  std::vector<std::string> arguments = argv;
  std::vector<std::string> variables = environment.ToStrings();

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  short flags = 0;
  if (options.detached) {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_setpgroup(&attributes, 0);
    flags |= POSIX_SPAWN_SETPGROUP;
  }
  posix_spawn_file_actions_adddup2(&actions, options.out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, options.err, STDERR_FILENO);
  posix_spawnattr_setflags(&attributes, flags);

  pid_t pid = -1;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes,
                                StringPointers(arguments).data(), StringPointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return ErrnoStatus(error, "run", path);
  return pid;
}

ExitStatus Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return ExitStatus{.code = 0, .signal = WTERMSIG(status)};
  return ExitStatus{.code = WEXITSTATUS(status), .signal = 0};
}

// One stream being read: kept up to a limit, and passed on where `forward_to` says so.
struct Recording {
  Descriptor source;
  std::string* kept;
  size_t limit;
  int forward_to = -1;
  bool overflowed = false;

  // Reads once. False at the end of the stream.
  bool ReadOnce() {
    char buffer[kReadChunk];
    ssize_t count;
    do {
      count = read(source.get(), buffer, sizeof(buffer));
    } while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;
    const std::string_view data(buffer, static_cast<size_t>(count));
    if (forward_to >= 0) WriteToStream(forward_to, data);
    if (kept->size() + data.size() > limit) {
      overflowed = true;
    } else {
      kept->append(data);
    }
    return true;
  }

  // What is there already, without waiting for more.
  void Drain() {
    pollfd waiting{source.get(), POLLIN, 0};
    while (source.valid() && poll(&waiting, 1, 0) > 0 && ReadOnce()) {
    }
    source.Reset();
  }
};

// Reads both streams until the child is gone and its output is read, or until `deadline_ns` on the
// monotonic clock (0: none). A descendant that keeps a stream open doesn't keep us waiting once the
// child itself has ended. False when the deadline passed or a stream overflowed that may not.
bool ReadUntilExit(pid_t pid, std::array<Recording*, 2> recordings, int64_t deadline_ns,
                   bool stop_on_overflow) {
  const Descriptor child(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  while (true) {
    std::array<pollfd, 3> waiting;
    nfds_t count = 0;
    for (const Recording* recording : recordings) {
      if (recording->source.valid()) waiting[count++] = {recording->source.get(), POLLIN, 0};
    }
    if (count == 0 && !child.valid()) return true;
    if (child.valid()) waiting[count++] = {child.get(), POLLIN, 0};

    int timeout_ms = -1;
    if (deadline_ns != 0) {
      const int64_t left = deadline_ns - Clock::Real().MonotonicNanoseconds();
      if (left <= 0) return false;
      timeout_ms = static_cast<int>(left / 1'000'000 + 1);
    }
    if (poll(waiting.data(), count, timeout_ms) < 0 && errno != EINTR) return true;

    bool child_ended = false;
    for (nfds_t i = 0; i < count; ++i) {
      if (waiting[i].revents == 0) continue;
      if (waiting[i].fd == child.get()) child_ended = true;
      for (Recording* recording : recordings) {
        if (recording->source.get() != waiting[i].fd) continue;
        if (!recording->ReadOnce()) recording->source.Reset();
        if (stop_on_overflow && recording->overflowed) return false;
      }
    }
    if (child_ended) {
      for (Recording* recording : recordings) recording->Drain();
      return true;
    }
  }
}

std::atomic<pid_t> forwarding_target{0};

void ForwardSignal(int signal) {
  const pid_t target = forwarding_target.load();
  if (target > 0) kill(target, signal);
}

// While it lives, the signals that end a process go to the child instead. Signals that were ignored
// stay ignored, as under nohup.
class SignalForwarding {
 public:
  SignalForwarding() {
    struct sigaction action {};
    action.sa_handler = ForwardSignal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < kForwardedSignals.size(); ++i) {
      sigaction(kForwardedSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) sigaction(kForwardedSignals[i], &action, nullptr);
    }
  }
  ~SignalForwarding() {
    forwarding_target.store(0);
    for (size_t i = 0; i < kForwardedSignals.size(); ++i) {
      sigaction(kForwardedSignals[i], &before_[i], nullptr);
    }
  }
  SignalForwarding(const SignalForwarding&) = delete;
  SignalForwarding& operator=(const SignalForwarding&) = delete;

  void To(pid_t child) { forwarding_target.store(child); }

 private:
  std::array<struct sigaction, kForwardedSignals.size()> before_;
};

}  // namespace

void WriteToStream(int descriptor, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = write(descriptor, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        pollfd waiting{descriptor, POLLOUT, 0};
        poll(&waiting, 1, -1);
        continue;
      }
      return;  // nobody reads it; the compiler's own exit status is what counts
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
}

struct CapturedProcess::State {
  std::string program;
  CaptureLimits limits;
  pid_t pid = -1;
  Descriptor out;
  Descriptor err;
  int64_t deadline_ns = 0;
};

CapturedProcess::CapturedProcess(std::unique_ptr<State> state) : state_(std::move(state)) {}
CapturedProcess::CapturedProcess(CapturedProcess&&) noexcept = default;

CapturedProcess::~CapturedProcess() {
  if (state_ == nullptr) return;
  kill(-state_->pid, SIGKILL);
  Reap(state_->pid);
}

absl::StatusOr<CapturedProcess> CapturedProcess::Start(const std::vector<std::string>& argv,
                                                       const Environment& environment,
                                                       const CaptureLimits& limits) {
  HPCC_ASSIGN_OR_RETURN(StreamPair out, MakePipe());
  HPCC_ASSIGN_OR_RETURN(StreamPair err, MakePipe());
  HPCC_ASSIGN_OR_RETURN(
      const pid_t pid, Spawn(argv[0], argv, environment,
                             {.out = out.theirs.get(), .err = err.theirs.get(), .detached = true}));
  auto state = std::make_unique<State>();
  state->program = argv[0];
  state->limits = limits;
  state->pid = pid;
  state->out = std::move(out.ours);
  state->err = std::move(err.ours);
  state->deadline_ns = Clock::Real().MonotonicNanoseconds() +
                       std::chrono::duration_cast<std::chrono::nanoseconds>(limits.timeout).count();
  return CapturedProcess(std::move(state));
}

absl::StatusOr<CapturedRun> CapturedProcess::Wait() {
  const std::unique_ptr<State> state = std::move(state_);
  const CaptureLimits& limits = state->limits;
  CapturedRun run;
  Recording out_recording{std::move(state->out), &run.out, limits.max_output_bytes};
  Recording err_recording{std::move(state->err), &run.err, limits.max_output_bytes};
  const bool finished = ReadUntilExit(state->pid, {&out_recording, &err_recording},
                                      state->deadline_ns, /*stop_on_overflow=*/true);
  if (!finished) kill(-state->pid, SIGKILL);
  run.exit = Reap(state->pid);
  if (finished) return run;
  if (out_recording.overflowed || err_recording.overflowed) {
    return absl::ResourceExhaustedError(StrCat(state->program, " wrote more than expected"));
  }
  return absl::DeadlineExceededError(
      StrCat(state->program, " did not finish within ", limits.timeout.count(), " ms"));
}

absl::StatusOr<CapturedRun> RunCaptured(const std::vector<std::string>& argv,
                                        const Environment& environment,
                                        const CaptureLimits& limits) {
  HPCC_ASSIGN_OR_RETURN(CapturedProcess process, CapturedProcess::Start(argv, environment, limits));
  return process.Wait();
}

absl::StatusOr<RecordedRun> RunAndRecord(const std::string& path,
                                         const std::vector<std::string>& argv,
                                         const Environment& environment, size_t max_stream_bytes) {
  HPCC_ASSIGN_OR_RETURN(StreamPair out, MakeStreamLike(STDOUT_FILENO));
  HPCC_ASSIGN_OR_RETURN(StreamPair err, MakeStreamLike(STDERR_FILENO));

  RecordedRun run;
  const int64_t started = Clock::Real().MonotonicNanoseconds();
  SignalForwarding forwarding;
  HPCC_ASSIGN_OR_RETURN(const pid_t pid, Spawn(path, argv, environment,
                                               {.out = out.theirs.get(), .err = err.theirs.get()}));
  forwarding.To(pid);
  out.theirs.Reset();
  err.theirs.Reset();

  Recording out_recording{std::move(out.ours), &run.out, max_stream_bytes, STDOUT_FILENO};
  Recording err_recording{std::move(err.ours), &run.err, max_stream_bytes, STDERR_FILENO};
  ReadUntilExit(pid, {&out_recording, &err_recording}, /*deadline_ns=*/0,
                /*stop_on_overflow=*/false);
  run.exit = Reap(pid);
  run.complete = !out_recording.overflowed && !err_recording.overflowed;
  run.wall_nanoseconds = Clock::Real().MonotonicNanoseconds() - started;
  return run;
}

absl::Status Exec(const std::string& path, const std::vector<std::string>& argv,
                  const Environment& environment) {
  std::vector<std::string> arguments = argv;
  std::vector<std::string> variables = environment.ToStrings();
  execve(path.c_str(), StringPointers(arguments).data(), StringPointers(variables).data());
  return ErrnoStatus(errno, "run", path);
}

void ExitLike(const ExitStatus& exit) {
  if (exit.signal != 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(exit.signal, SIG_DFL);
    sigset_t unblocked;
    sigemptyset(&unblocked);
    sigaddset(&unblocked, exit.signal);
    sigprocmask(SIG_UNBLOCK, &unblocked, nullptr);
    raise(exit.signal);
    _exit(128 + exit.signal);
  }
  _exit(exit.code);
}

}  // namespace hpcc
