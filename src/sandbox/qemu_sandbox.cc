#include "sandbox/qemu_sandbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSuspend{30'000};
constexpr milliseconds kGoOn{30'000};  // where it could not be saved
constexpr milliseconds kResume{30'000};
constexpr milliseconds kFirstPatience{3'000};  // with the agent's first answer

milliseconds Left(steady_clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

// The same file from its beginning: an offset is shared by all who share an open file.
absl::StatusOr<Descriptor> FromTheBeginning(const Descriptor& file) {
  Descriptor again(open(StrCat("/proc/self/fd/", file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!again.valid()) return ErrnoStatus(errno, "open", "a machine's state");
  return again;
}

// Nobody else can open it, and it goes with this process.
absl::StatusOr<Descriptor> FileWithoutName(const std::string& directory) {
  std::string name = StrCat(directory, "/state.XXXXXX");
  Descriptor file(mkostemp(name.data(), O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "create a file in", directory);
  unlink(name.c_str());
  return file;
}

}  // namespace

absl::Status QemuSandbox::Start(std::shared_ptr<const QemuTemplate> from, milliseconds bound) {
  template_ = std::move(from);
  QemuLaunch launch = LaunchFor(parts_.host, parts_.spec);
  if (template_) {
    HPCC_ASSIGN_OR_RETURN(const Descriptor state, FromTheBeginning(template_->state));
    launch.machine.memory_kind = QemuMachine::Memory::kPrivate;
    launch.memory = template_->memory.get();
    launch.state = state.get();
    return Launch(std::move(launch), bound);
  }
  const auto end = steady_clock::now() + bound;
  if (parts_.host.vsock != nullptr) {
    const absl::Status started = BootWithVsock(bound / 2);
    if (started.ok()) return started;
    Log(LogLevel::kWarning, StrCat("sandbox ", parts_.spec.id, " gets a serial port, as a vsock ",
                                   "won't do: ", std::string(started.message())));
  }
  return Launch(std::move(launch), Left(end));
}

absl::Status QemuSandbox::BootWithVsock(milliseconds bound) {
  QemuLaunch launch = LaunchFor(parts_.host, parts_.spec);
  HPCC_ASSIGN_OR_RETURN(VsockClaim claim, parts_.host.vsock->Claim());
  launch.vsock = std::make_shared<const VsockClaim>(std::move(claim));
  launch.machine.guest.channel = VmGuestSetup::Channel::kVsock;
  by_vsock_ = true;
  const absl::Status started = Launch(std::move(launch), bound);
  if (started.ok()) return started;
  by_vsock_ = false;
  // It goes before another one is launched in its directory.
  const std::lock_guard lock(mutex_);
  process_.reset();
  return started;
}

absl::Status QemuSandbox::Launch(QemuLaunch launch, milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  launch.directory = parts_.directory->path();
  launch.root = parts_.root.get();
  HPCC_ASSIGN_OR_RETURN(std::shared_ptr<QemuProcess> process,
                        QemuProcess::Launch(launch, Left(end)));
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Gone();
    process_ = process;
  }
  absl::Status status = launch.state >= 0 ? process->Load(Left(end)) : absl::OkStatus();
  if (status.ok()) status = Greet(process, end);
  if (status.ok()) return status;
  process->process().Kill();
  return absl::Status(status.code(),
                      StrCat("sandbox ", parts_.spec.id, ": the agent didn't start: ",
                             std::string(status.message()), ": ", process->process().Said()));
}

absl::Status QemuSandbox::Greet(const std::shared_ptr<QemuProcess>& process,
                                steady_clock::time_point end) {
  std::shared_ptr<AgentClient> agent;
  AgentHealth health;
  for (milliseconds patience = kFirstPatience;; patience *= 2) {
    HPCC_ASSIGN_OR_RETURN(Descriptor stream, process->Greet(AfterGreeting::kTalk, Left(end)));
    agent = std::make_shared<AgentClient>(std::move(stream));
    // Before anything else: what a copy of a machine draws would be what the other copies draw.
    HPCC_ASSIGN_OR_RETURN(const AgentGift gift, FreshGift());
    absl::StatusOr<AgentHealth> answer = agent->Health(std::min(patience, Left(end)), gift);
    if (answer.ok()) {
      health = *std::move(answer);
      break;
    }
    // A guest that was busy with being resumed may have missed that a conversation began.
    if (!absl::IsDeadlineExceeded(answer.status()) || Left(end).count() == 0) {
      return answer.status();
    }
  }
  const std::lock_guard lock(mutex_);
  if (agent_ == nullptr && image_directories_.empty()) {
    image_directories_ = std::move(health.image_directories);
    const std::vector<std::string>& held = process->cgroup().controllers();
    description_ = StrCat("cgroup: ", held.empty() ? "none" : StrJoin(held, ", "),
                          "; user: ", process->own_user() ? "its own" : "the worker's",
                          template_ ? "; cloned" : "; booted", by_vsock_ ? "; vsock" : "");
  }
  agent_ = std::move(agent);
  return absl::OkStatus();
}

std::string QemuSandbox::Description() const {
  return description_;
}

absl::StatusOr<ExecResult> QemuSandbox::Exec(const ExecRequest& request,
                                             const BlobReader& read_blob,
                                             const std::function<bool()>& cancelled) {
  std::shared_ptr<AgentClient> agent;
  std::shared_ptr<QemuProcess> process;
  {
    const std::lock_guard lock(mutex_);
    if (suspended_) return absl::FailedPreconditionError("sandbox: it is suspended");
    agent = agent_;
    process = process_;
    if (agent) ++execs_;
  }
  if (!agent) return Lost();
  absl::StatusOr<ExecResult> result = agent->Exec(request, read_blob, cancelled);
  agent.reset();
  {
    const std::lock_guard lock(mutex_);
    --execs_;
  }
  if (!absl::IsUnavailable(result.status())) return result;
  // A stream that is over is never mended: what may still run there is of no use to anybody.
  process->process().Kill();
  return Lost();
}

absl::Status QemuSandbox::Ping(milliseconds bound) {
  std::shared_ptr<AgentClient> agent;
  {
    const std::lock_guard lock(mutex_);
    if (suspended_) return absl::FailedPreconditionError("sandbox: it is suspended");
    agent = agent_;
    // Counted as an exec: whoever suspends it must be the only one who holds the stream.
    if (agent) ++execs_;
  }
  if (!agent) return Gone();
  absl::Status status = agent->Health(bound).status();
  agent.reset();
  const std::lock_guard lock(mutex_);
  --execs_;
  return status;
}

absl::Status QemuSandbox::Suspend() {
  const std::lock_guard changing(changing_);
  std::shared_ptr<QemuProcess> process;
  {
    const std::lock_guard lock(mutex_);
    if (suspended_) return absl::OkStatus();
    if (execs_ != 0) return absl::FailedPreconditionError("sandbox: something runs in it");
    if (stopped_ || agent_ == nullptr) return Gone();
    if (by_vsock_) return absl::UnimplementedError("sandbox: with a vsock it is not saved");
    agent_.reset();
    suspended_ = true;
    process = process_;
  }
  absl::StatusOr<Descriptor> state = Save(*process);
  const absl::Status gone_on = state.ok() ? absl::OkStatus() : GoOn(process);
  if (!gone_on.ok()) {
    Log(LogLevel::kWarning, StrCat("sandbox ", parts_.spec.id, " could not be saved and does not ",
                                   "go on: ", std::string(gone_on.message())));
  }
  if (state.ok() || !gone_on.ok()) process->process().Kill();
  const std::lock_guard lock(mutex_);
  suspended_ = state.ok();
  if (!gone_on.ok()) stopped_ = true;
  if (!state.ok()) return state.status();
  process_.reset();
  state_ = *std::move(state);
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> QemuSandbox::Save(QemuProcess& process) const {
  const auto end = steady_clock::now() + kSuspend;
  HPCC_ASSIGN_OR_RETURN(Descriptor state, FileWithoutName(parts_.directory->path()));
  HPCC_RETURN_IF_ERROR(process.Greet(AfterGreeting::kPark, Left(end)).status());
  HPCC_RETURN_IF_ERROR(process.Save(state.get(), Left(end)));
  return state;
}

absl::Status QemuSandbox::GoOn(const std::shared_ptr<QemuProcess>& process) {
  const auto end = steady_clock::now() + kGoOn;
  HPCC_RETURN_IF_ERROR(process->GoOn(Left(end)));
  return Greet(process, end);
}

absl::Status QemuSandbox::Resume() {
  const std::lock_guard changing(changing_);
  Descriptor state;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Gone();
    if (!suspended_) return absl::OkStatus();
    state = std::move(state_);
  }
  QemuLaunch launch = LaunchFor(parts_.host, parts_.spec);
  absl::StatusOr<Descriptor> beginning = FromTheBeginning(state);
  absl::Status status = beginning.status();
  if (status.ok()) {
    launch.state = beginning->get();
    status = Launch(std::move(launch), kResume);
  }
  const std::lock_guard lock(mutex_);
  suspended_ = false;
  if (!status.ok()) stopped_ = true;
  return status;
}

void QemuSandbox::Stop() {
  std::shared_ptr<QemuProcess> process;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    process = process_;
  }
  if (process) process->process().Kill();
}

bool QemuSandbox::alive() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  return suspended_ || (process_ && process_->process().alive());
}

absl::Status QemuSandbox::Gone() const {
  return absl::UnavailableError(StrCat("sandbox ", parts_.spec.id, " is lost"));
}

absl::Status QemuSandbox::Lost() const {
  std::shared_ptr<QemuProcess> process;
  {
    const std::lock_guard lock(mutex_);
    process = process_;
  }
  const std::string said = process ? process->process().Said() : "";
  if (!said.empty()) Log(LogLevel::kWarning, StrCat("sandbox ", parts_.spec.id, ": ", said));
  return Gone();
}

}  // namespace hpcc
