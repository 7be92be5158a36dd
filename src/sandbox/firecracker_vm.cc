#include "sandbox/firecracker_vm.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

#include "base/detached_process.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/vsock_handshake.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using Deadline = std::chrono::steady_clock::time_point;

constexpr milliseconds kBetweenLooks{5};
constexpr size_t kKeptBytes = 4'096;

milliseconds Left(Deadline deadline) {
  const auto left =
      std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(0));
}

std::string OneLine(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

// What lies in the pipe now, as far as it is of interest.
std::string Drain(const Descriptor& messages) {
  std::string text(kKeptBytes, '\0');
  const ssize_t got = read(messages.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return OneLine(std::move(text));
}

absl::StatusOr<pid_t> SpawnJailer(std::vector<std::string> arguments, const Descriptor& output) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  char* const no_environment[] = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // Out of the terminal's group: a Ctrl-C is this process's to deal with.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t process = 0;
  const int error = posix_spawn(&process, arguments[0].c_str(), &actions, &attributes,
                                pointers.data(), no_environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return ErrnoStatus(error, "run", arguments[0]);
  return process;
}

// The jailer ends as soon as the VMM runs in its own pid namespace.
absl::Status AwaitJailer(pid_t jailer, const Descriptor& messages, Deadline deadline) {
  const Descriptor held(static_cast<int>(syscall(SYS_pidfd_open, jailer, 0)));
  pollfd ended{held.get(), POLLIN, 0};
  int ready;
  while ((ready = poll(&ended, 1, static_cast<int>(Left(deadline).count()))) < 0 &&
         errno == EINTR) {
  }
  if (ready <= 0) kill(jailer, SIGKILL);
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(jailer), &info, WEXITED) != 0 && errno == EINTR) {
  }
  if (ready <= 0) {
    return absl::DeadlineExceededError(StrCat("jailer: not done in time: ", Drain(messages)));
  }
  if (info.si_code == CLD_EXITED && info.si_status == 0) return absl::OkStatus();
  const std::string said = Drain(messages);
  return absl::FailedPreconditionError(
      StrCat("jailer: ", said.empty() ? "it failed without a word" : said));
}

// Whether every process that could write into the pipe is gone.
bool NobodyWrites(const Descriptor& messages) {
  pollfd pipe{messages.get(), 0, 0};
  return poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLHUP) != 0;
}

absl::Status EndedSaying(const std::string& said) {
  return absl::UnavailableError(
      StrCat("firecracker ended: ", said.empty() ? "it said nothing" : said));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FirecrackerVm>> FirecrackerVm::Launch(const JailerSettings& settings,
                                                                     std::unique_ptr<Jail> jail,
                                                                     const JailLimits& limits,
                                                                     milliseconds bound) {
  const Deadline deadline = std::chrono::steady_clock::now() + bound;
  HPCC_ASSIGN_OR_RETURN(Pipe messages, OpenPipe());
  fcntl(messages.read_end.get(), F_SETFL, O_NONBLOCK);
  HPCC_ASSIGN_OR_RETURN(
      const pid_t jailer,
      SpawnJailer(JailerArguments(settings, jail->id(), jail->user(), limits), messages.write_end));
  messages.write_end.Reset();
  HPCC_RETURN_IF_ERROR(AwaitJailer(jailer, messages.read_end, deadline));

  std::unique_ptr<FirecrackerVm> vm(new FirecrackerVm);
  vm->jail_ = std::move(jail);
  HPCC_RETURN_IF_ERROR(vm->Await(messages.read_end, deadline));
  HPCC_RETURN_IF_ERROR(vm->Watch(std::move(messages.read_end)));
  HPCC_RETURN_IF_ERROR(vm->CheckVersion(Left(deadline)));
  return vm;
}

// Until the VMM listens on its API socket.
absl::Status FirecrackerVm::Await(const Descriptor& messages, Deadline deadline) {
  for (;;) {
    absl::StatusOr<JailSocket> socket = jail_->Socket(kJailApiSocket);
    if (!socket.ok() && !absl::IsNotFound(socket.status())) return socket.status();
    if (socket.ok()) {
      const absl::Status connected = socket->Connect(jail_->user()).status();
      if (connected.ok()) {
        api_socket_ = *std::move(socket);
        return absl::OkStatus();
      }
      if (!absl::IsUnavailable(connected)) return connected;
    }
    if (NobodyWrites(messages)) return EndedSaying(Drain(messages));
    if (Left(deadline).count() == 0) {
      return absl::DeadlineExceededError(
          StrCat("firecracker: its API can't be reached in time: ", Drain(messages)));
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

// The VMM is no child of this process: the jailer was its parent. Who listens is known from the
// kernel, and asked twice: a process that is held in between is still the one that was meant.
absl::Status FirecrackerVm::Watch(Descriptor messages) {
  HPCC_ASSIGN_OR_RETURN(const Connection first, api_socket_.Connect(jail_->user()));
  HPCC_ASSIGN_OR_RETURN(const PeerCredentials peer, first.Peer());
  Descriptor held(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(peer.process), 0)));
  if (!held.valid()) return EndedSaying(Drain(messages));
  HPCC_ASSIGN_OR_RETURN(const Connection second, api_socket_.Connect(jail_->user()));
  HPCC_ASSIGN_OR_RETURN(const PeerCredentials again, second.Peer());
  if (again.process != peer.process) return EndedSaying(Drain(messages));
  process_ = std::make_unique<WatchedProcess>(std::move(held), std::move(messages));
  api_ = std::make_unique<FirecrackerApi>(api_socket_.path());
  return absl::OkStatus();
}

absl::Status FirecrackerVm::CheckVersion(milliseconds bound) const {
  HPCC_ASSIGN_OR_RETURN(const std::string text, api_->Version(bound));
  HPCC_ASSIGN_OR_RETURN(const FirecrackerVersion version, ParseFirecrackerVersion(text));
  return CheckVersions(version, version);
}

FirecrackerVm::~FirecrackerVm() {
  if (process_ != nullptr) Kill();
}

absl::Status FirecrackerVm::Ended() const {
  return EndedSaying(Said());
}

absl::Status FirecrackerVm::Tell(const FirecrackerRequest& request, milliseconds bound) const {
  const absl::Status told = api_->Perform(request, bound).status();
  if (!absl::IsUnavailable(told)) return told;
  // It hung up because it ends; a moment later its end is known, and the reason with it.
  const Deadline deadline = std::chrono::steady_clock::now() + milliseconds(500);
  while (alive() && Left(deadline).count() > 0) std::this_thread::sleep_for(kBetweenLooks);
  return alive() ? told : Ended();
}

absl::StatusOr<Descriptor> FirecrackerVm::Connect(uint32_t port, milliseconds bound) const {
  const Deadline deadline = std::chrono::steady_clock::now() + bound;
  for (;;) {
    if (!alive()) return Ended();
    const absl::StatusOr<JailSocket> socket = jail_->Socket(kJailVsock);
    if (socket.ok()) {
      absl::StatusOr<Connection> connection = socket->Connect(jail_->user());
      absl::Status shaken = connection.status();
      if (connection.ok()) shaken = ShakeVsockHands(*connection, port, Left(deadline));
      if (shaken.ok()) return connection->TakeDescriptor();
      if (!absl::IsUnavailable(shaken)) return shaken;
    } else if (!absl::IsNotFound(socket.status())) {
      return socket.status();
    }
    if (Left(deadline).count() == 0) {
      return absl::DeadlineExceededError(
          StrCat("vsock: nobody listens on port ", port, " of the guest in time"));
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

std::unique_ptr<Jail> FirecrackerVm::TakeJail() {
  Kill();
  return std::move(jail_);
}

}  // namespace hpcc
