#include "daemon/daemon_program.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "base/logging.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/process_limits.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/daemon_client.h"
#include "client/daemon_place.h"
#include "daemon/daemon_state.h"
#include "daemon/helped_file_system.h"
#include "daemon/server.h"

namespace hpcc {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr int kKeptBytes = 16 << 20;
constexpr std::chrono::milliseconds kTick{1000};
constexpr int kTicksBetweenSaves = 60;
constexpr std::chrono::milliseconds kLastWait{10'000};  // for what is in flight when it ends
constexpr uint64_t kMaxMemoFileBytes = uint64_t{1} << 30;

constexpr std::string_view kHelp =
    "usage: hpcc-daemon [--help | --version]\n"
    "\n"
    "The per-user daemon of hpcc, in the foreground until SIGINT or SIGTERM. Users start it\n"
    "with `hpcc start`; see hpcc(1).\n";

void Complain(std::string_view message) {
  const std::string line = StrCat("hpcc-daemon: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stderr);
}

// The place, held by this process: what it puts there goes when it ends.
class HeldPlace {
 public:
  HeldPlace(FileSystem& fs, DaemonPlace place) : fs_(fs), place_(std::move(place)) {}
  ~HeldPlace() {
    if (!listening_) return;
    fs_.Remove(place_.address_file()).IgnoreError();
    if (owns_socket_) fs_.Remove(place_.socket()).IgnoreError();
    fs_.Remove(place_.silent_marker()).IgnoreError();
  }

  absl::Status Lock() {
    HPCC_RETURN_IF_ERROR(PrepareDaemonDirectory(fs_, place_));
    HPCC_ASSIGN_OR_RETURN(lock_, fs_.OpenForOverwriting(place_.lock_file(), 0600));
    const absl::Status locked = lock_->TryLock();
    if (absl::IsUnavailable(locked)) {
      return absl::AlreadyExistsError(
          StrCat("a daemon is running already (", place_.directory(), "); `hpcc stop` ends it"));
    }
    return locked;
  }

  // The Unix socket: the one systemd made, or our own.
  absl::StatusOr<Listener> Listen() {
    listening_ = true;
    if (absl::StatusOr<Descriptor> passed = PassedSocket(); passed.ok()) {
      return Listener::FromDescriptor(*std::move(passed));
    }
    owns_socket_ = true;
    return Listener::OnUnixSocket(place_.socket());
  }

  // Somebody thought the daemon dead; it isn't, or isn't any more.
  void DenySilence() { fs_.Remove(place_.silent_marker()).IgnoreError(); }

  bool StillThere() {
    FileStat stat;
    return fs_.Stat(place_.socket().c_str(), /*follow_symlinks=*/false, &stat) == 0;
  }

  const DaemonPlace& place() const { return place_; }

 private:
  FileSystem& fs_;
  DaemonPlace place_;
  std::unique_ptr<File> lock_;
  bool listening_ = false;
  bool owns_socket_ = false;
};

// The memo outlives the daemon in a file among hpcc's own.
class SavedMemo {
 public:
  SavedMemo(FileSystem& fs, FileMemo& memo, const Config& config)
      : fs_(fs),
        memo_(memo),
        path_(path::Join(config.local_directory, "memo")),
        read_only_(config.first_disk() != nullptr && config.first_disk()->read_only) {}

  void Load() {
    const absl::StatusOr<std::string> bytes = ReadFile(fs_, path_, kMaxMemoFileBytes);
    if (!bytes.ok()) return;
    const absl::Status decoded = memo_.Decode(*bytes);
    if (!decoded.ok()) Log(LogLevel::kWarning, StrCat(path_, ": ", std::string(decoded.message())));
    saved_ = memo_.generation();
  }

  void Save() {
    const uint64_t generation = memo_.generation();
    if (generation == saved_ || read_only_) return;
    const absl::Status written = WriteFileAtomically(fs_, path_, memo_.Encode(), 0600);
    if (!written.ok()) Log(LogLevel::kWarning, std::string(written.message()));
    saved_ = generation;
  }

 private:
  FileSystem& fs_;
  FileMemo& memo_;
  std::string path_;
  bool read_only_;
  uint64_t saved_ = 0;
};

absl::Status Announce(FileSystem& fs, const HeldPlace& held, DaemonState& state, uint16_t port) {
  HPCC_ASSIGN_OR_RETURN(state.token, SecretBytes(Digest::kSize));
  return WriteDaemonAddress(fs, held.place(),
                            {.process = getpid(),
                             .protocol = kDaemonProtocolVersion,
                             .port = port,
                             .token = state.token});
}

// What is due every second. False: nobody can reach this daemon any more.
bool KeepHouse(HeldPlace& held, SavedMemo& saved, int tick) {
  held.DenySilence();
  if (tick % kTicksBetweenSaves == 0) saved.Save();
  if (held.StillThere()) return true;
  Log(LogLevel::kWarning, "the socket was removed; nobody can reach this daemon");
  return false;
}

// Until a signal, a request to stop, or the loss of the place.
void StayAlive(HeldPlace& held, DaemonState& state, SavedMemo& saved) {
  for (int tick = 1; !state.stopping; ++tick) {
    if (WaitForSignal(kTick) != 0) return;
    try {
      if (!KeepHouse(held, saved, tick)) return;
    } catch (const std::bad_alloc&) {
      state.hot_units.DropAll();  // better luck in a second
    }
  }
}

// What is in flight gets its time, unless a second signal comes.
void FinishWork(DaemonState& state, const Server& a, const Server& b) {
  state.stopping = true;
  for (std::chrono::milliseconds waited{0}; waited < kLastWait;) {
    if (a.conversations() + b.conversations() == 0) break;
    constexpr std::chrono::milliseconds kStep{50};
    if (WaitForSignal(kStep) != 0) break;
    waited += kStep;
  }
  state.hurry = true;
}

absl::Status Run(FileSystem& fs, const Config& config, const Environment& environment) {
  HeldPlace held(fs, DaemonPlace(config, environment));
  HPCC_RETURN_IF_ERROR(held.Lock());
  // Each hot unit may hold a descriptor; most are for conversations.
  HelpedFileSystem helped(fs);
  DaemonState state(helped, Clock::Real(), config.daemon.memory, RaiseDescriptorLimit() / 4);
  state.helped = &helped;
  state.surroundings = DescribeSurroundings(fs);
  state.started_ns = Clock::Real().NowNanoseconds();
  SavedMemo saved(fs, state.memo, config);
  saved.Load();

  HPCC_ASSIGN_OR_RETURN(Listener unix_listener, held.Listen());
  HPCC_ASSIGN_OR_RETURN(Listener loopback_listener, Listener::OnLoopback());
  HPCC_RETURN_IF_ERROR(Announce(fs, held, state, loopback_listener.port()));
  Server unix_server(state, std::move(unix_listener), Transport::kUnix);
  Server loopback_server(state, std::move(loopback_listener), Transport::kLoopback);
  HPCC_RETURN_IF_ERROR(unix_server.Start());
  HPCC_RETURN_IF_ERROR(loopback_server.Start());

  held.DenySilence();
  const std::string ready = StrCat("hpcc-daemon: ready, ", held.place().socket(), "\n");
  fwrite(ready.data(), 1, ready.size(), stdout);
  fflush(stdout);
  Log(LogLevel::kInfo, StrCat("daemon ", getpid(), " is ready"));
  StayAlive(held, state, saved);
  FinishWork(state, unix_server, loopback_server);
  try {
    saved.Save();
  } catch (const std::bad_alloc&) {  // it only saves time
  }
  return absl::OkStatus();
}

}  // namespace

int RunDaemon(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "-h") {
    fwrite(kHelp.data(), 1, kHelp.size(), stdout);
    return 0;
  }
  if (word == "--version") {
    printf("hpcc-daemon %s\n", HPCC_VERSION);
    return 0;
  }
  if (argc > 1) {
    Complain(StrCat("unexpected word ", word, "; try --help"));
    return kUsage;
  }
  // Before any thread: all of them leave these to WaitForSignal.
  BlockEndingSignals();
  // Many threads that live long would each keep memory of their own.
  mallopt(M_ARENA_MAX, 2);
  // What a request needs is kept for the next one, instead of being asked of the kernel each time.
  mallopt(M_MMAP_THRESHOLD, kKeptBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  const Environment environment = Environment::OfThisProcess();
  const absl::StatusOr<Config> config = LoadConfig(FileSystem::Real(), environment);
  if (!config.ok()) {
    Complain(std::string(config.status().message()));
    return kUsage;
  }
  if (!config->log_file.empty()) OpenLog(config->log_file).IgnoreError();
  const absl::Status status = Run(FileSystem::Real(), *config, environment);
  if (!status.ok()) Complain(std::string(status.message()));
  return status.ok() ? 0 : kFailed;
}

}  // namespace hpcc
