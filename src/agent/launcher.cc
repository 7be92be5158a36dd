#include "agent/launcher.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/exec_supervisor.h"
#include "base/status.h"

namespace hpcc {

namespace {

// What comes with each request, in this order.
constexpr size_t kDescriptors = 4;  // stage, standard output, standard error, control

struct Request {
  ExecOwner owner;
  std::array<Descriptor, kDescriptors> descriptors;
};

bool SendRequest(int socket, ExecOwner owner, const std::array<int, kDescriptors>& descriptors) {
  iovec data{.iov_base = &owner, .iov_len = sizeof(owner)};
  alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(descriptors))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = buffer;
  message.msg_controllen = sizeof(buffer);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(descriptors));
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(descriptors));
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof(owner);
}

// Nothing: the agent is gone.
std::optional<Request> ReceiveRequest(int socket) {
  Request request;
  iovec data{.iov_base = &request.owner, .iov_len = sizeof(request.owner)};
  alignas(cmsghdr) char buffer[CMSG_SPACE(kDescriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = buffer;
  message.msg_controllen = sizeof(buffer);
  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (got != sizeof(request.owner) || header == nullptr ||
      header->cmsg_len != CMSG_LEN(kDescriptors * sizeof(int))) {
    return std::nullopt;
  }
  std::array<int, kDescriptors> numbers;
  std::memcpy(numbers.data(), CMSG_DATA(header), sizeof(numbers));
  for (size_t i = 0; i < kDescriptors; ++i) request.descriptors[i] = Descriptor(numbers[i]);
  return request;
}

void Supervise(Request request, const SupervisorSettings& settings) {
  signal(SIGCHLD, SIG_DFL);
  ExecSupervisor supervisor(settings, request.owner,
                            {.stage = std::move(request.descriptors[0]),
                             .standard_output = std::move(request.descriptors[1]),
                             .standard_error = std::move(request.descriptors[2]),
                             .control = std::move(request.descriptors[3])});
  supervisor.Run();
}

// Has nothing open but its socket and what the agent's own standard streams are: the agent's
// connections end when the agent does.
[[noreturn]] void RunLauncher(Descriptor inherited, SupervisorSettings settings) {
  constexpr int kSocket = STDERR_FILENO + 1;
  constexpr int kGroup = kSocket + 1;
  // First out of the way of the numbers they get.
  const int moved = fcntl(inherited.get(), F_DUPFD_CLOEXEC, kGroup + 1);
  const int group = fcntl(settings.command_group, F_DUPFD_CLOEXEC, kGroup + 1);
  inherited.Release();
  dup2(moved, kSocket);
  if (settings.command_group >= 0) settings.command_group = dup2(group, kGroup);
  close_range(settings.command_group < 0 ? kGroup : kGroup + 1, ~0U, 0);
  Descriptor socket(kSocket);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "hpcc-launcher");
  signal(SIGCHLD, SIG_IGN);  // supervisors report by themselves and are reaped by the kernel
  for (;;) {
    std::optional<Request> request = ReceiveRequest(socket.get());
    if (!request) _exit(0);
    clone_args arguments{};
    arguments.flags = CLONE_NEWPID | CLONE_NEWNS;
    arguments.exit_signal = SIGCHLD;
    const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child == 0) {
      socket.Reset();
      Supervise(*std::move(request), settings);
      _exit(0);
    }
    if (child < 0) {
      ExecReport report{.error = errno};
      std::strncpy(report.step, "start a process", sizeof(report.step) - 1);
      send(request->descriptors[3].get(), &report, sizeof(report), MSG_NOSIGNAL);
    }
  }
}

struct Ends {
  Descriptor ours;
  Descriptor theirs;
};

absl::StatusOr<Ends> MakeSocketPair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "create", "a socket pair");
  }
  return Ends{Descriptor(ends[0]), Descriptor(ends[1])};
}

absl::StatusOr<Ends> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create", "a pipe");
  return Ends{Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace

absl::StatusOr<Launcher> Launcher::Start(const SupervisorSettings& settings) {
  HPCC_ASSIGN_OR_RETURN(Ends ends, MakeSocketPair(SOCK_SEQPACKET));
  Launcher launcher;
  launcher.process_ = fork();
  if (launcher.process_ < 0) return ErrnoStatus(errno, "start", "the launcher");
  if (launcher.process_ == 0) {
    ends.ours.Reset();
    RunLauncher(std::move(ends.theirs), settings);
  }
  launcher.socket_ = std::move(ends.ours);
  return launcher;
}

absl::StatusOr<LaunchedExec> Launcher::Launch(const ExecOwner& owner, int stage) const {
  HPCC_ASSIGN_OR_RETURN(Ends out, MakePipe());
  HPCC_ASSIGN_OR_RETURN(Ends err, MakePipe());
  HPCC_ASSIGN_OR_RETURN(Ends control, MakeSocketPair(SOCK_STREAM));
  fcntl(out.ours.get(), F_SETFL, O_NONBLOCK);
  fcntl(err.ours.get(), F_SETFL, O_NONBLOCK);
  if (!SendRequest(socket_.get(), owner,
                   {stage, out.theirs.get(), err.theirs.get(), control.theirs.get()})) {
    return ErrnoStatus(errno, "ask", "the launcher");
  }
  return LaunchedExec{.standard_output = std::move(out.ours),
                      .standard_error = std::move(err.ours),
                      .control = std::move(control.ours)};
}

}  // namespace hpcc
