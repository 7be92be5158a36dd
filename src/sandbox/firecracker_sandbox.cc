#include "sandbox/firecracker_sandbox.h"

#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/firecracker_runtime.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kResume{60'000};  // everything

}  // namespace

std::string_view FirecrackerSandbox::isolation() const {
  return FirecrackerRuntime::kIsolation;
}

std::string FirecrackerSandbox::Description() const {
  return StrCat("user: ", parts_.user(),
                "; cgroup: ", parts_.jailer.cgroups == 0 ? "none" : "cpu, memory, pids",
                cloned_ ? "; cloned" : "; booted");
}

// A VMM that was loaded still reads its pages from the file it came from: the next snapshot is
// written beside it.
FirecrackerSnapshot FirecrackerSandbox::SnapshotFiles() const {
  return {.state = StrCat("/state.", suspensions_), .memory = StrCat("/memory.", suspensions_)};
}

absl::StatusOr<std::unique_ptr<FirecrackerSandbox::Machine>> FirecrackerSandbox::BootMachine(
    milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  auto machine = std::make_unique<Machine>();
  HPCC_ASSIGN_OR_RETURN(machine->vm, BootFirecracker(parts_, deadline.left()));
  HPCC_RETURN_IF_ERROR(Greet(*machine, deadline.left()));
  return machine;
}

absl::StatusOr<std::unique_ptr<FirecrackerSandbox::Machine>> FirecrackerSandbox::LoadMachine(
    std::unique_ptr<Jail> jail, const FirecrackerSnapshot& files, milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  auto machine = std::make_unique<Machine>();
  HPCC_ASSIGN_OR_RETURN(machine->vm, LaunchFirecracker(parts_, std::move(jail), deadline.left()));
  HPCC_RETURN_IF_ERROR(machine->vm->Tell(LoadSnapshot(files), deadline.left()));
  HPCC_RETURN_IF_ERROR(Greet(*machine, deadline.left()));
  return machine;
}

absl::StatusOr<std::unique_ptr<FirecrackerSandbox::Machine>> FirecrackerSandbox::CloneMachine(
    const FirecrackerTemplate& from, milliseconds bound) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Jail> jail, MakeFirecrackerJail(parts_));
  HPCC_RETURN_IF_ERROR(from.ProvideTo(*jail));
  return LoadMachine(std::move(jail), FirecrackerTemplate::Files(), bound);
}

absl::StatusOr<std::unique_ptr<FirecrackerSandbox::Machine>> FirecrackerSandbox::ResumeMachine(
    milliseconds bound) {
  const FirecrackerSnapshot files = SnapshotFiles();
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Jail> jail, MakeFirecrackerJail(parts_));
  for (const std::string& file : {files.state, files.memory}) {
    HPCC_RETURN_IF_ERROR(jail->Adopt(*snapshot_, std::string_view(file).substr(1)));
  }
  return LoadMachine(std::move(jail), files, bound);
}

// The agent gets the time and entropy with the first word that is said to it.
absl::Status FirecrackerSandbox::Greet(Machine& machine, milliseconds bound) {
  HPCC_ASSIGN_OR_RETURN(const AgentGift gift, FreshGift());
  HPCC_ASSIGN_OR_RETURN(AgentHealth health, GreetFirecracker(machine, gift, bound));
  const std::lock_guard lock(mutex_);
  if (state_ == State::kFresh) image_directories_ = std::move(health.image_directories);
  return absl::OkStatus();
}

absl::Status FirecrackerSandbox::Begin(absl::StatusOr<std::unique_ptr<Machine>> machine) {
  if (!machine.ok()) {
    return absl::Status(machine.status().code(), StrCat("sandbox ", parts_.spec.id, ": ",
                                                        std::string(machine.status().message())));
  }
  return Settle(State::kRunning, *std::move(machine));
}

absl::Status FirecrackerSandbox::Clone(const FirecrackerTemplate& from, milliseconds bound) {
  const absl::Status begun = Begin(CloneMachine(from, bound));
  cloned_ = begun.ok();
  return begun;
}

absl::Status FirecrackerSandbox::Boot(milliseconds bound) {
  return Begin(BootMachine(bound));
}

// Where a move from one state to another ends. A sandbox that was stopped meanwhile has no machine
// any more, whatever came of it.
absl::Status FirecrackerSandbox::Settle(State state, std::shared_ptr<Machine> machine) {
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    state_ = State::kLost;
    snapshot_.reset();
    return absl::UnavailableError(StrCat("sandbox ", parts_.spec.id, " is stopped"));
  }
  state_ = state;
  machine_ = std::move(machine);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<FirecrackerSandbox::Machine>> FirecrackerSandbox::Leave(State from,
                                                                                       State to) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || state_ == State::kLost) {
    return absl::UnavailableError(StrCat("sandbox ", parts_.spec.id, " is lost"));
  }
  if (state_ != from || execs_ != 0) {
    return absl::FailedPreconditionError(
        StrCat("sandbox ", parts_.spec.id, ": ",
               execs_ != 0 ? "an exec runs" : "it is suspended, resumed, or neither"));
  }
  state_ = to;
  return std::exchange(machine_, nullptr);
}

absl::Status FirecrackerSandbox::Lost(const Machine& machine) const {
  const std::string said = machine.vm->Said();
  if (!said.empty()) Log(LogLevel::kWarning, StrCat("sandbox ", parts_.spec.id, ": ", said));
  return absl::UnavailableError(StrCat("sandbox ", parts_.spec.id, " is lost"));
}

absl::StatusOr<ExecResult> FirecrackerSandbox::Exec(const ExecRequest& request,
                                                    const BlobReader& read_blob,
                                                    const std::function<bool()>& cancelled) {
  std::shared_ptr<Machine> machine;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kSuspended || state_ == State::kMoving) {
      return absl::FailedPreconditionError(StrCat("sandbox ", parts_.spec.id, ": it is suspended"));
    }
    machine = machine_;
    if (machine != nullptr) ++execs_;
  }
  if (machine == nullptr) {
    return absl::UnavailableError(StrCat("sandbox ", parts_.spec.id, " is lost"));
  }
  absl::StatusOr<ExecResult> result = machine->vm->alive()
                                          ? machine->agent->Exec(request, read_blob, cancelled)
                                          : absl::UnavailableError("its VMM has ended");
  if (absl::IsUnavailable(result.status())) {
    // A stream that is over is never mended: what may still run there is of no use to anybody.
    machine->vm->Kill();
    result = Lost(*machine);
  }
  const std::lock_guard lock(mutex_);
  --execs_;
  return result;
}

absl::Status FirecrackerSandbox::Save(const FirecrackerVm& vm) const {
  HPCC_RETURN_IF_ERROR(vm.Tell(PauseVm(), kFirecrackerRequest));
  absl::Status saved = vm.Tell(CreateSnapshot(SnapshotFiles()), kFirecrackerSave);
  // Where it could not be saved (no room on the disk, say) it goes on as it was.
  if (!saved.ok() && vm.alive()) {
    const absl::Status resumed = vm.Tell(ResumeVm(), kFirecrackerRequest);
    if (!resumed.ok()) return absl::UnavailableError(std::string(resumed.message()));
  }
  return saved;
}

absl::Status FirecrackerSandbox::Suspend() {
  HPCC_ASSIGN_OR_RETURN(std::shared_ptr<Machine> machine, Leave(State::kRunning, State::kMoving));
  ++suspensions_;
  const absl::Status saved = Save(*machine->vm);
  if (!saved.ok()) {
    if (absl::IsUnavailable(saved) || absl::IsDeadlineExceeded(saved)) machine->vm->Kill();
    HPCC_RETURN_IF_ERROR(Settle(State::kRunning, machine));
    return saved;
  }
  machine->agent.reset();  // a restored guest resets its connections
  snapshot_ = machine->vm->TakeJail();
  return Settle(State::kSuspended, nullptr);
}

absl::Status FirecrackerSandbox::Resume() {
  HPCC_RETURN_IF_ERROR(Leave(State::kSuspended, State::kMoving).status());
  absl::StatusOr<std::unique_ptr<Machine>> machine = ResumeMachine(kResume);
  snapshot_.reset();
  if (machine.ok()) return Settle(State::kRunning, *std::move(machine));
  HPCC_RETURN_IF_ERROR(Settle(State::kLost, nullptr));
  return absl::UnavailableError(
      StrCat("sandbox ", parts_.spec.id, " is lost: ", std::string(machine.status().message())));
}

// Doesn't wait for a suspension or a resumption under way: what comes of it goes as soon as it is
// there.
void FirecrackerSandbox::Stop() {
  std::shared_ptr<Machine> machine;
  std::unique_ptr<Jail> snapshot;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    machine = std::exchange(machine_, nullptr);
    if (state_ != State::kMoving) {
      state_ = State::kLost;
      snapshot = std::move(snapshot_);
    }
  }
  if (machine != nullptr) machine->vm->Kill();
}

bool FirecrackerSandbox::alive() const {
  const std::lock_guard lock(mutex_);
  if (stopped_ || state_ == State::kLost || state_ == State::kFresh) return false;
  return machine_ == nullptr || machine_->vm->alive();
}

}  // namespace hpcc
