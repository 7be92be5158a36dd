#include "sandbox/qemu_process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/vm_process.h"
#include "sandbox/vm_socket.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char kAgentSocket[] = "agent.sock";
constexpr uint64_t kOwnAddressSpace = uint64_t{4} << 30;
constexpr uint64_t kOpenFiles = 128;
// A guest that doesn't notice that its worker was away for a moment notices a longer one.
constexpr milliseconds kFirstAbsence{20};
constexpr milliseconds kGreeting{1500};
constexpr milliseconds kConnect{1000};     // one try of reaching a guest by its vsock
constexpr milliseconds kBetweenTries{50};  // of reaching a QEMU that accepts nobody

milliseconds Left(steady_clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

// Collects the descriptors QEMU is given, and says their numbers there.
class Handed {
 public:
  int Add(int descriptor) {
    descriptors_.push_back(descriptor);
    return static_cast<int>(descriptors_.size()) - 1;
  }
  const std::vector<int>& all() const { return descriptors_; }

 private:
  std::vector<int> descriptors_;
};

// Who may use /dev/kvm beside root and its owner.
std::vector<gid_t> GroupsFor(const QemuMachine& machine) {
  struct stat facts;
  if (!machine.kvm || stat("/dev/kvm", &facts) != 0) return {};
  return {facts.st_gid};
}

// The end of a pipe that nobody writes to: the guest's console hears nothing.
absl::StatusOr<Descriptor> Silence() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create", "a pipe");
  close(ends[1]);
  return Descriptor(ends[0]);
}

}  // namespace

absl::StatusOr<std::unique_ptr<QemuProcess>> QemuProcess::Launch(const QemuLaunch& launch,
                                                                 milliseconds bound) {
  std::unique_ptr<QemuProcess> qemu(new QemuProcess(launch));
  if (geteuid() == 0) {
    qemu->ids_ = IdRange::Take();
    if (qemu->ids_ == nullptr) return absl::ResourceExhaustedError("sandbox: no user ids are left");
  }
  HPCC_ASSIGN_OR_RETURN(const Descriptor silence, Silence());
  int messages[2];
  if (pipe2(messages, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create", "a pipe");
  Descriptor said(messages[0]);
  Descriptor saying(messages[1]);
  HPCC_ASSIGN_OR_RETURN(SocketPair qmp, MakeStreamPair());
  Descriptor agent;
  if (launch.vsock == nullptr) {
    unlink(StrCat(launch.directory, "/", kAgentSocket).c_str());
    HPCC_ASSIGN_OR_RETURN(agent, ListenOnUnixSocket(launch.directory, kAgentSocket));
  }

  QemuMachine machine = launch.machine;
  Handed handed;
  handed.Add(silence.get());
  handed.Add(saying.get());
  handed.Add(saying.get());
  machine.kernel = handed.Add(launch.kernel);
  machine.root = handed.Add(launch.root);
  if (launch.vsock != nullptr) {
    machine.vsock = handed.Add(launch.vsock->device.get());
    machine.cid = launch.vsock->cid;
  } else {
    machine.agent = handed.Add(agent.get());
  }
  machine.qmp = handed.Add(qmp.theirs.get());
  if (launch.memory >= 0) machine.memory = handed.Add(launch.memory);
  machine.incoming = launch.state >= 0;
  if (machine.incoming) qemu->state_ = handed.Add(launch.state);

  const uint64_t tasks = QemuTasks(machine);
  VmProgram program{.program = launch.program,
                    .arguments = QemuArguments(machine),
                    .descriptors = handed.all(),
                    .user = qemu->ids_ ? qemu->ids_->first() : 0,
                    .groups = GroupsFor(machine),
                    .address_space_bytes = machine.memory_bytes + kOwnAddressSpace,
                    .file_bytes = machine.memory_bytes + kQemuOwnMemory,
                    .open_files = kOpenFiles,
                    .tasks = qemu->ids_ ? tasks : 0};
  program.arguments.insert(program.arguments.begin(), "qemu");
  HPCC_ASSIGN_OR_RETURN(VmProcess process, StartVmProcess(program));
  qemu->cgroup_ =
      SandboxCgroup::Make(launch.id,
                          CgroupLimits{.memory_bytes = machine.memory_bytes + kQemuOwnMemory,
                                       .tasks = tasks,
                                       .cpus = machine.cpus},
                          process.process);
  saying.Reset();
  qemu->process_ = std::make_unique<WatchedProcess>(std::move(process.descriptor), std::move(said));
  qmp.theirs.Reset();
  qemu->qmp_ = std::make_unique<QmpClient>(std::move(qmp.ours));
  const absl::Status begun = qemu->qmp_->Begin(bound);
  if (begun.ok()) return qemu;
  qemu->process_->Kill();
  return absl::Status(begun.code(),
                      StrCat(std::string(begun.message()), ": ", qemu->process_->Said()));
}

QemuProcess::~QemuProcess() {
  if (process_) process_->Kill();
  if (launch_.vsock == nullptr) unlink(StrCat(launch_.directory, "/", kAgentSocket).c_str());
}

// As soon as the agent listens: each connection is a conversation from its first byte.
absl::StatusOr<Descriptor> QemuProcess::ConnectToGuest(milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  for (;;) {
    if (!process_->alive()) return absl::UnavailableError("qemu: it ended");
    absl::StatusOr<Descriptor> stream =
        ConnectToVsock(launch_.vsock->cid, kAgentVsockPort, std::min(kConnect, Left(end)));
    if (stream.ok()) return stream;
    const bool later =
        absl::IsUnavailable(stream.status()) || absl::IsDeadlineExceeded(stream.status());
    if (!later) return stream;
    if (Left(end).count() == 0) return absl::DeadlineExceededError(stream.status().message());
    std::this_thread::sleep_for(std::min(kBetweenTries, Left(end)));
  }
}

absl::StatusOr<Descriptor> QemuProcess::Greet(AfterGreeting after, milliseconds bound) {
  if (launch_.vsock != nullptr) {
    if (after == AfterGreeting::kTalk) return ConnectToGuest(bound);
    return absl::UnimplementedError("qemu: a machine with a vsock is not saved");
  }
  const auto end = steady_clock::now() + bound;
  milliseconds absence = kFirstAbsence;
  milliseconds greeting = kGreeting;
  for (;;) {
    if (!process_->alive()) return absl::UnavailableError("qemu: it ended");
    absl::StatusOr<Descriptor> stream = ConnectToUnixSocket(launch_.directory, kAgentSocket);
    absl::Status greeted = stream.status();
    if (stream.ok()) greeted = GreetGuest(stream->get(), after, std::min(greeting, Left(end)));
    if (greeted.ok() && after == AfterGreeting::kTalk) return stream;
    if (greeted.ok()) return Descriptor();
    // A QEMU that got no time from the machine has not yet accepted the tries before.
    const bool busy = absl::IsResourceExhausted(greeted);
    if ((!busy && !absl::IsDeadlineExceeded(greeted)) || Left(end).count() == 0) return greeted;
    if (stream.ok()) stream->Reset();
    std::this_thread::sleep_for(std::min(busy ? kBetweenTries : absence, Left(end)));
    if (busy) continue;
    absence *= 2;
    greeting *= 2;
  }
}

absl::Status QemuProcess::LeaveOutSharedMemory(bool leave_out, milliseconds bound) {
  if (launch_.memory < 0) return absl::OkStatus();
  return qmp_
      ->Execute("migrate-set-capabilities",
                StrCat(R"({"capabilities":[{"capability":"x-ignore-shared","state":)",
                       leave_out ? "true" : "false", "}]}"),
                bound)
      .status();
}

absl::Status QemuProcess::Save(int state, milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  const bool shared = launch_.machine.memory_kind == QemuMachine::Memory::kShared;
  HPCC_RETURN_IF_ERROR(qmp_->Execute("stop", "", Left(end)).status());
  HPCC_RETURN_IF_ERROR(LeaveOutSharedMemory(shared, Left(end)));
  // As fast as the file takes it.
  HPCC_RETURN_IF_ERROR(
      qmp_->Execute("migrate-set-parameters", R"({"max-bandwidth":1000000000000})", Left(end))
          .status());
  HPCC_RETURN_IF_ERROR(qmp_->Execute("getfd", R"({"fdname":"state"})", Left(end), state).status());
  const absl::Status begun = qmp_->Execute("migrate", R"({"uri":"fd:state"})", Left(end)).status();
  migrating_ = !absl::IsInvalidArgument(begun);
  HPCC_RETURN_IF_ERROR(begun);
  HPCC_RETURN_IF_ERROR(qmp_->AwaitStatus("query-migrate", "completed", Left(end)));
  // The state is whole: however QEMU ends, nothing is lost.
  qmp_->Execute("quit", "", Left(end)).IgnoreError();
  process_->Kill();
  return absl::OkStatus();
}

absl::Status QemuProcess::GoOn(milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  if (std::exchange(migrating_, false)) {
    HPCC_RETURN_IF_ERROR(qmp_->Execute("migrate_cancel", "", Left(end)).status());
    const absl::Status over = qmp_->AwaitStatus("query-migrate", "completed", Left(end));
    if (!over.ok() && !absl::IsFailedPrecondition(over)) return over;
  }
  HPCC_RETURN_IF_ERROR(qmp_->Execute("cont", "", Left(end)).status());
  return qmp_->AwaitStatus("query-status", "running", Left(end));
}

absl::Status QemuProcess::Load(milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  HPCC_RETURN_IF_ERROR(LeaveOutSharedMemory(true, Left(end)));
  HPCC_RETURN_IF_ERROR(
      qmp_->Execute("migrate-incoming", StrCat(R"({"uri":"fd:)", state_, "\"}"), Left(end))
          .status());
  HPCC_RETURN_IF_ERROR(qmp_->AwaitStatus("query-migrate", "completed", Left(end)));
  return qmp_->Execute("cont", "", Left(end)).status();
}

}  // namespace hpcc
