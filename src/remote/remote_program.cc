#include "remote/remote_program.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/logging.h"
#include "base/process_limits.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "config/runtime_directory.h"
#include "remote/remote_place.h"
#include "remote/remote_server.h"
#include "remote/remote_state.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr milliseconds kTick{250};
constexpr milliseconds kDefaultIdle{60'000};
constexpr milliseconds kLastWrites{10'000};    // for what is queued when it is told to end
constexpr milliseconds kLastHold{2000};        // for what a cache did not take just then
constexpr milliseconds kLockPatience{15'000};  // for one that is ending
constexpr milliseconds kLockEvery{20};
// Having lived this long counts as having started.
constexpr milliseconds kProven{5000};
// Of those that ended earlier so many in a row are replaced at once, whoever killed them. More must
// be the program's own fault: then the mark of its start keeps the next from being started at once.
constexpr uint64_t kEarlyEnds = 5;

constexpr std::string_view kHelp =
    "usage: hpcc-remote [--idle DURATION] [--help | --version]\n"
    "\n"
    "Speaks to remote caches (S3, HTTP) and to the workers of remote compiles for all programs of\n"
    "one user. hpcc and hpcc-daemon start it when they need it; it leaves when nobody has for a "
    "while (60s, or --idle). Runs in the\n"
    "foreground until then, or until SIGINT or SIGTERM. See hpcc(1) and hpcc-remote(1).\n";

void Complain(std::string_view message) {
  const std::string line = StrCat("hpcc-remote: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stderr);
}

// The place, held by this process: what it puts there goes when it ends.
class HeldRemotePlace {
 public:
  HeldRemotePlace(FileSystem& fs, Clock& clock, RemotePlace place)
      : fs_(fs), clock_(clock), place_(std::move(place)) {}
  ~HeldRemotePlace() {
    if (!held_) return;
    Unlisten();
    NoteProven();
    fs_.Remove(place_.silent_marker()).IgnoreError();
  }

  absl::Status Lock() {
    HPCC_RETURN_IF_ERROR(PrepareRuntimeDirectory(fs_, place_.directory()));
    HPCC_ASSIGN_OR_RETURN(lock_, fs_.OpenForOverwriting(place_.lock_file(), 0600));
    const int64_t deadline =
        clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(kLockPatience).count();
    absl::Status locked = lock_->TryLock();
    while (absl::IsUnavailable(locked) && clock_.MonotonicNanoseconds() < deadline) {
      if (WaitForSignal(kLockEvery) != 0) return absl::CancelledError("told to end");
      locked = lock_->TryLock();
    }
    if (absl::IsUnavailable(locked)) {
      return absl::AlreadyExistsError(StrCat("one is running already (", place_.directory(), ")"));
    }
    held_ = locked.ok();
    return locked;
  }

  absl::StatusOr<Listener> Listen() {
    listened_ = true;
    return Listener::OnUnixSocket(place_.socket());
  }
  // Whoever comes from now on finds nobody, and starts another.
  void Unlisten() {
    if (listened_) fs_.Remove(place_.socket()).IgnoreError();
    listened_ = false;
  }

  // Somebody thought this program dead; it isn't, or isn't any more.
  void DenySilence() {
    FileStat stat;
    if (fs_.Stat(place_.silent_marker().c_str(), /*follow_symlinks=*/false, &stat) != 0) return;
    fs_.Remove(place_.silent_marker()).IgnoreError();
    Log(LogLevel::kWarning, "somebody waited in vain; answering again");
  }
  void NoteReady() {
    FileStat stat;
    const bool counted =
        fs_.Stat(place_.starts_file().c_str(), /*follow_symlinks=*/false, &stat) == 0;
    const uint64_t starts = counted ? stat.size + 1 : 1;
    // What can't be counted is taken for too many.
    if (!WriteFileAtomically(fs_, place_.starts_file(), std::string(starts, '.')).ok()) return;
    if (starts <= kEarlyEnds) fs_.Remove(place_.start_marker()).IgnoreError();
  }
  void NoteProven() {
    fs_.Remove(place_.start_marker()).IgnoreError();
    fs_.Remove(place_.starts_file()).IgnoreError();
  }

  bool StillThere() {
    FileStat stat;
    return fs_.Stat(place_.socket().c_str(), /*follow_symlinks=*/false, &stat) == 0;
  }
  const RemotePlace& place() const { return place_; }

 private:
  FileSystem& fs_;
  Clock& clock_;
  RemotePlace place_;
  std::unique_ptr<File> lock_;
  bool held_ = false;
  bool listened_ = false;
};

bool IsIdle(const RemoteState& state, milliseconds idle) {
  const int64_t since = state.clock.MonotonicNanoseconds() - state.last_request_ns;
  return state.in_flight == 0 && state.queue.values() == 0 &&
         since > std::chrono::nanoseconds(idle).count();
}

// Until a signal, a Stop, the loss of the place, or until nobody needs it.
void StayAlive(HeldRemotePlace& held, RemoteState& state, milliseconds idle) {
  milliseconds lived{0};
  while (WaitForSignal(kTick) == 0 && !state.told_to_end) {
    held.DenySilence();
    if (lived < kProven && (lived += kTick) >= kProven) held.NoteProven();
    state.tiers.SaveStatistics();
    if (!held.StillThere()) {
      Log(LogLevel::kWarning, "the socket was removed; nobody can reach this hpcc-remote");
      return;
    }
    if (IsIdle(state, idle)) return;
  }
}

absl::Status Serve(FileSystem& fs, Clock& clock, RemotePlace place, milliseconds idle,
                   const MakeRemoteCompiles& make_compiles) {
  HeldRemotePlace held(fs, clock, std::move(place));
  HPCC_RETURN_IF_ERROR(held.Lock());
  const std::unique_ptr<RemoteCompiles> compiles = make_compiles(fs, clock);
  RemoteState state(fs, clock);
  state.compiles = compiles.get();
  state.started_ns = clock.NowNanoseconds();
  state.last_request_ns = clock.MonotonicNanoseconds();
  HPCC_ASSIGN_OR_RETURN(Listener listener, held.Listen());
  {
    RemoteServer server(state, std::move(listener));
    held.DenySilence();
    held.NoteReady();
    Log(LogLevel::kInfo, StrCat("hpcc-remote ", getpid(), " is ready at ", held.place().socket()));
    StayAlive(held, state, idle);
    held.Unlisten();
  }
  state.queue.Flush(kLastWrites, kLastHold);
  state.tiers.SaveStatistics();
  Log(LogLevel::kInfo, StrCat("hpcc-remote ", getpid(), " leaves"));
  return absl::OkStatus();
}

// Nothing: what was asked for has been printed, and the value of `exit` is the status.
std::optional<milliseconds> ParseArguments(int argc, char** argv, int* exit) {
  *exit = 0;
  milliseconds idle = kDefaultIdle;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      fwrite(kHelp.data(), 1, kHelp.size(), stdout);
      return std::nullopt;
    }
    if (word == "--version") {
      printf("hpcc-remote %s\n", HPCC_VERSION);
      return std::nullopt;
    }
    *exit = kUsage;
    if (word != "--idle" || i + 1 == argc) {
      Complain(StrCat("unexpected word ", word, "; try --help"));
      return std::nullopt;
    }
    const absl::StatusOr<milliseconds> parsed = ParseDuration(argv[++i]);
    if (!parsed.ok()) {
      Complain(StrCat("--idle: ", std::string(parsed.status().message())));
      return std::nullopt;
    }
    *exit = 0;
    idle = *parsed;
  }
  return idle;
}

}  // namespace

int RunRemote(int argc, char** argv, const MakeRemoteCompiles& make_compiles) {
  int exit = 0;
  const std::optional<milliseconds> idle = ParseArguments(argc, argv, &exit);
  if (!idle) return exit;
  KeepMemoryPrivate();
  // Before any thread: all of them leave these to WaitForSignal.
  BlockEndingSignals();
  RaiseDescriptorLimit();
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  const absl::StatusOr<Config> config = LoadConfig(fs, environment);
  if (!config.ok()) {
    Complain(std::string(config.status().message()));
    return kUsage;
  }
  if (!config->log_file.empty()) OpenLog(config->log_file).IgnoreError();
  const absl::Status status =
      Serve(fs, Clock::Real(), RemotePlace(*config, environment), *idle, make_compiles);
  if (!status.ok()) {
    Complain(std::string(status.message()));
    Log(LogLevel::kWarning, StrCat("hpcc-remote: ", std::string(status.message())));
  }
  return status.ok() ? 0 : kFailed;
}

}  // namespace hpcc
