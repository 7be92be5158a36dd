#include "scheduler/scheduler_program.h"

#include <unistd.h>

#include <csignal>
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
#include "scheduler/scheduler_config.h"
#include "scheduler/scheduler_core.h"
#include "scheduler/scheduler_service.h"
#include "scheduler/state_directory.h"
#include "telemetry/audit_log.h"
#include "telemetry/security_events.h"

namespace hpcc {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::chrono::milliseconds kTick{1000};
constexpr std::string_view kDefaultConfig = "/etc/hpcc/scheduler.toml";

constexpr std::string_view kHelp =
    "usage: hpcc-scheduler [--config FILE] [--check-config | --rotate-keys [--force]]\n"
    "       hpcc-scheduler --help | --version\n"
    "\n"
    "Tells clients who their tenant's identity provider is, checks who they are, and routes their\n"
    "compiles to workers. Runs in the foreground until SIGINT or SIGTERM; SIGHUP reads the\n"
    "configuration again. Prints one line when it is ready: its address and the SHA-256 "
    "fingerprint\n"
    "of its certificate.\n"
    "\n"
    "  --config FILE    the configuration (default: /etc/hpcc/scheduler.toml)\n"
    "  --check-config   reads the configuration, says what is wrong with it, and ends\n"
    "  --rotate-keys    signs with the next key from now on; send a running scheduler SIGHUP then\n"
    "  --force          ... though sessions of the key before the current one end by that\n"
    "\n"
    "Exit status: 0 orderly end, 1 could not start or run, 2 wrong command line or configuration.\n"
    "See docs/scheduler.md.\n";

struct Arguments {
  std::string config{kDefaultConfig};
  bool check_config = false;
  bool rotate_keys = false;
  bool force = false;
};

// A line for the log file, or standard error where there is none.
void Say(LogLevel level, std::string_view message) {
  if (LogIsOpen()) return Log(level, message);
  const std::string line = StrCat("hpcc-scheduler: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stderr);
}

void Complain(std::string_view message) {
  const std::string line = StrCat("hpcc-scheduler: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stderr);
}

// Nothing: what was asked for has been printed, and the value of `exit` is the status.
std::optional<Arguments> ParseArguments(int argc, char** argv, int* exit) {
  Arguments arguments;
  *exit = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      fwrite(kHelp.data(), 1, kHelp.size(), stdout);
      return std::nullopt;
    }
    if (word == "--version") {
      printf("hpcc-scheduler %s\n", HPCC_VERSION);
      return std::nullopt;
    }
    if (word == "--config" && i + 1 < argc) {
      arguments.config = argv[++i];
    } else if (word == "--check-config") {
      arguments.check_config = true;
    } else if (word == "--rotate-keys") {
      arguments.rotate_keys = true;
    } else if (word == "--force") {
      arguments.force = true;
    } else {
      Complain(StrCat("unexpected word ", word, "; try --help"));
      *exit = kUsage;
      return std::nullopt;
    }
  }
  return arguments;
}

// A running scheduler: what SIGHUP and the clock do to it.
class RunningScheduler {
 public:
  RunningScheduler(const Arguments& arguments, SchedulerConfig config, FileSystem& fs, Clock& clock,
                   const Environment& environment, StateDirectory& state)
      : arguments_(arguments),
        config_(std::move(config)),
        fs_(fs),
        clock_(clock),
        environment_(environment),
        state_(state) {}

  absl::Status Start(EventSink& events) {
    HPCC_ASSIGN_OR_RETURN(KeyRing keys, state_.Keys());
    HPCC_ASSIGN_OR_RETURN(std::string decoy_secret, state_.DecoySecret());
    HPCC_ASSIGN_OR_RETURN(const CertificateAndKey certificate, state_.Certificate(config_));
    keys_since_s_ = keys.current_since_s();
    core_ = std::make_unique<SchedulerCore>(config_, std::move(keys), std::move(decoy_secret),
                                            clock_, events);
    HPCC_ASSIGN_OR_RETURN(server_, SchedulerServer::Start(*core_, config_.listen, certificate));
    const std::string host = config_.listen.substr(0, config_.listen.rfind(':'));
    printf("hpcc-scheduler is ready at %s:%d, certificate sha256 %s\n", host.c_str(),
           server_->port(), certificate.fingerprint.c_str());
    fflush(stdout);
    Say(LogLevel::kInfo,
        StrCat("serving ", config_.tenants.size(), " tenants at ", host, ":", server_->port()));
    return absl::OkStatus();
  }

  // Until SIGINT or SIGTERM.
  void Run(SecurityEvents& security_events) {
    for (;;) {
      const int signal = WaitForSignal(kTick);
      if (signal == SIGINT || signal == SIGTERM) break;
      if (signal == SIGHUP) Reload();
      RotateWhenDue();
      security_events.Flush();
    }
    Say(LogLevel::kInfo, "told to end");
    server_->Stop();
  }

 private:
  void Reload() {
    absl::StatusOr<SchedulerConfig> fresh =
        LoadSchedulerConfig(arguments_.config, fs_, environment_);
    absl::StatusOr<KeyRing> keys = state_.Keys();
    if (!fresh.ok() || !keys.ok()) {
      const absl::Status& wrong = fresh.ok() ? keys.status() : fresh.status();
      Say(LogLevel::kError, StrCat("nothing was reloaded; the old configuration stays: ",
                                   std::string(wrong.message())));
      return;
    }
    if (fresh->listen != config_.listen || fresh->state_dir != config_.state_dir ||
        fresh->name != config_.name || fresh->certificate_file != config_.certificate_file ||
        fresh->key_file != config_.key_file || fresh->heartbeat != config_.heartbeat ||
        fresh->certificate_hosts != config_.certificate_hosts) {
      Say(LogLevel::kWarning,
          "name, listen, state_dir, [tls] and workers.heartbeat change with a restart only");
    }
    config_ = *std::move(fresh);
    keys_since_s_ = keys->current_since_s();
    core_->Reload(config_, *std::move(keys));
    Say(LogLevel::kInfo, StrCat("reloaded: ", config_.tenants.size(), " tenants"));
  }

  void RotateWhenDue() {
    const int64_t now_s = clock_.NowNanoseconds() / 1'000'000'000;
    if (now_s - keys_since_s_ < config_.key_rotation.count() || now_s < retry_rotation_s_) return;
    retry_rotation_s_ = now_s + 60;
    const absl::Status rotated = state_.RotateKeys(config_.session_lifetime, /*force=*/false);
    absl::StatusOr<KeyRing> keys = rotated.ok() ? state_.Keys() : rotated;
    if (!keys.ok()) {
      Say(LogLevel::kError,
          StrCat("the signing keys were not rotated: ", std::string(keys.status().message())));
      return;
    }
    keys_since_s_ = keys->current_since_s();
    core_->Reload(config_, *std::move(keys));
    Say(LogLevel::kInfo, "signing with the next key");
  }

  const Arguments& arguments_;
  SchedulerConfig config_;
  FileSystem& fs_;
  Clock& clock_;
  const Environment& environment_;
  StateDirectory& state_;
  int64_t keys_since_s_ = 0;
  int64_t retry_rotation_s_ = 0;
  std::unique_ptr<SchedulerCore> core_;
  std::unique_ptr<SchedulerServer> server_;
};

absl::Status Serve(const Arguments& arguments, SchedulerConfig config, FileSystem& fs,
                   const Environment& environment) {
  Clock& clock = Clock::Real();
  HPCC_ASSIGN_OR_RETURN(StateDirectory state, StateDirectory::Open(fs, clock, config.state_dir));
  if (arguments.rotate_keys) return state.RotateKeys(config.session_lifetime, arguments.force);
  HPCC_RETURN_IF_ERROR(state.Lock());
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<AuditLog> audit,
                        AuditLog::Open({.path = state.AuditFile()}));
  SecurityEvents security_events(clock, audit.get());
  RecordedEvents events(security_events);
  RunningScheduler scheduler(arguments, std::move(config), fs, clock, environment, state);
  HPCC_RETURN_IF_ERROR(scheduler.Start(events));
  scheduler.Run(security_events);
  return absl::OkStatus();
}

}  // namespace

int RunScheduler(int argc, char** argv) {
  int exit = 0;
  const std::optional<Arguments> arguments = ParseArguments(argc, argv, &exit);
  if (!arguments) return exit;
  KeepMemoryPrivate();
  // Before any thread: all of them leave these to WaitForSignal.
  BlockEndingSignals();
  RaiseDescriptorLimit();
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  absl::StatusOr<SchedulerConfig> config = LoadSchedulerConfig(arguments->config, fs, environment);
  if (!config.ok()) {
    Complain(std::string(config.status().message()));
    return kUsage;
  }
  if (arguments->check_config) {
    printf("%s: %zu tenants, no mistake found\n", arguments->config.c_str(),
           config->tenants.size());
    return 0;
  }
  if (config->log_file.empty()) {
    // Where standard error is a socket it can't be opened; Say() writes to it all the same.
    OpenLog("/dev/stderr").IgnoreError();
  } else if (const absl::Status opened = OpenLog(config->log_file); !opened.ok()) {
    Complain(std::string(opened.message()));
    return kFailed;
  }
  const absl::Status status = Serve(*arguments, *std::move(config), fs, environment);
  if (!status.ok()) Complain(std::string(status.message()));
  return status.ok() ? 0 : kFailed;
}

}  // namespace hpcc
