#include "worker/worker_program.h"

#include <grpc/support/log.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/certificate.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/process_limits.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "worker/replay_program.h"
#include "worker/scheduler_link.h"
#include "worker/shared_results.h"
#include "worker/worker_runtime.h"
#include "worker/worker_server.h"

namespace hpcc {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::chrono::milliseconds kTick{500};
constexpr std::chrono::milliseconds kLastWait{60'000};  // for what is under way when it ends
constexpr uint64_t kMaxCaBytes = uint64_t{1} << 20;

constexpr std::string_view kHelp =
    "usage: hpcc-worker --config FILE [--check-config]\n"
    "       hpcc-worker --config FILE --replay JOB [--log FILE] [--json]\n"
    "       hpcc-worker --help | --version\n"
    "\n"
    "Compiles for the tenants of a scheduler, each in sandboxes of its own. Runs in the "
    "foreground;\n"
    "SIGTERM and SIGINT let it finish what it has, a second one ends it at once. Prints one line\n"
    "when the scheduler has accepted it. See docs/worker.md for the configuration file.\n"
    "\n"
    "  --config FILE    what it goes by\n"
    "  --check-config   only read FILE, and say what is wrong with it\n"
    "  --replay JOB     compile a finished job again, from its audit row and what this worker "
    "keeps,\n"
    "                   and say whether the outputs are equal; works beside a running worker\n"
    "  --log FILE       the audit log with JOB's row; default: audit.db in the state directory\n"
    "  --json           of --replay: print JSON\n"
    "\n"
    "HPCC_WORKER_SECRET holds the secret for the scheduler where no secret_file is given.\n";

void Complain(std::string_view message) {
  const std::string line = StrCat("hpcc-worker: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stderr);
  Log(LogLevel::kError, message);
}

void Say(std::string_view message) {
  const std::string line = StrCat("hpcc-worker: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stdout);
  fflush(stdout);
  Log(LogLevel::kInfo, message);
}

void Warn(const CacheFile& file) {
  for (const std::string& warning : WarningsOf(file)) {
    const std::string line = StrCat("hpcc-worker: warning: ", warning, "\n");
    fwrite(line.data(), 1, line.size(), stderr);
    Log(LogLevel::kWarning, warning);
  }
}

struct CommandLine {
  std::string config_file;
  bool check_only = false;
  ReplayOptions replay;  // without a job: none
};

absl::StatusOr<CommandLine> ReadCommandLine(int argc, char** argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--config" && i + 1 < argc) {
      line.config_file = argv[++i];
    } else if (word.starts_with("--config=")) {
      line.config_file = word.substr(word.find('=') + 1);
    } else if (word == "--replay" && i + 1 < argc) {
      line.replay.job = argv[++i];
    } else if (word == "--log" && i + 1 < argc) {
      line.replay.log = argv[++i];
    } else if (word == "--json") {
      line.replay.json = true;
    } else if (word == "--check-config") {
      line.check_only = true;
    } else {
      return absl::InvalidArgumentError(StrCat("unexpected word ", word, "; try --help"));
    }
  }
  if (line.config_file.empty()) return absl::InvalidArgumentError("--config is missing");
  if (line.replay.job.empty() && (line.replay.json || !line.replay.log.empty())) {
    return absl::InvalidArgumentError("--log and --json go with --replay JOB");
  }
  return line;
}

std::string HostOf(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

absl::StatusOr<CertificateAndKey> Certificate(const WorkerConfig& config, FileSystem& fs,
                                              Clock& clock) {
  if (!config.certificate_file.empty()) {
    return LoadCertificate(fs, config.certificate_file, config.key_file);
  }
  std::vector<std::string> hosts = {"localhost", "127.0.0.1"};
  const std::string host = HostOf(config.address.empty() ? config.listen : config.address);
  if (host != hosts[0] && host != hosts[1] && host != "0.0.0.0" && host != "::") {
    hosts.insert(hosts.begin(), host);
  }
  return LoadOrMakeCertificate(fs, config.state_directory, hosts,
                               clock.NowNanoseconds() / 1'000'000'000);
}

uint64_t FreeMemoryBytes() {
  std::ifstream info("/proc/meminfo");
  std::string name;
  uint64_t kilobytes = 0;
  std::string rest;
  while (info >> name >> kilobytes && std::getline(info, rest)) {
    if (name == "MemAvailable:") return kilobytes << 10;
  }
  return 0;
}

// The server with its link to the scheduler.
class Worker {
 public:
  Worker(const WorkerConfig& config, FileSystem& fs, Clock& clock)
      : config_(config), fs_(fs), clock_(clock) {}

  absl::Status Start(const Environment& environment);
  // Until a signal comes and what was under way has ended.
  void Serve();

 private:
  absl::Status StartServer(const Environment& environment);
  absl::StatusOr<SchedulerLinkOptions> LinkOptions(const Environment& environment) const;
  absl::Status TakeNews(const SchedulerNews& news);

  const WorkerConfig& config_;
  FileSystem& fs_;
  Clock& clock_;
  CertificateAndKey certificate_;
  std::unique_ptr<WorkerImages> images_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<WorkerServer> server_;
  std::unique_ptr<SchedulerLink> link_;
};

absl::Status Worker::StartServer(const Environment& environment) {
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs_, config_.state_directory, 0700));
  HPCC_ASSIGN_OR_RETURN(certificate_, Certificate(config_, fs_, clock_));
  HPCC_ASSIGN_OR_RETURN(images_, OpenWorkerImages(config_, fs_, clock_, environment));
  WorkerRuntimeParts runtime;
  WorkerServer::Parts parts;
  if (images_ != nullptr) {
    runtime.find_image = [this](const std::string& digest) { return images_->Root(digest); };
    HPCC_ASSIGN_OR_RETURN(parts.agent, WorkerAgent(config_, fs_));
    parts.images = images_.get();
  }
  HPCC_ASSIGN_OR_RETURN(runtime_, MakeWorkerRuntime(config_, fs_, std::move(runtime)));
  parts.runtime = runtime_.get();
  parts.image_directories = HostImageDirectories(config_);
  parts.certificate = certificate_;
  parts.environment = environment;
  parts.fs = &fs_;
  parts.clock = &clock_;
  parts.on_lost = [this](const PooledSandbox& sandbox) {
    server_->events().Report(SecurityEvent::kSandboxLost,
                             {.tenant = sandbox.tenant, .detail = sandbox.id});
    if (link_ != nullptr) link_->ReportLost(sandbox);
  };
  HPCC_ASSIGN_OR_RETURN(server_, WorkerServer::Start(config_, parts));
  return absl::OkStatus();
}

absl::StatusOr<SchedulerLinkOptions> Worker::LinkOptions(const Environment& environment) const {
  SchedulerLinkOptions options;
  options.address = config_.scheduler_address;
  options.server_name = config_.scheduler_server_name;
  if (!config_.scheduler_ca_file.empty()) {
    HPCC_ASSIGN_OR_RETURN(options.ca_pem, ReadFile(fs_, config_.scheduler_ca_file, kMaxCaBytes));
  }
  HPCC_ASSIGN_OR_RETURN(options.secret, WorkerSecret(config_, fs_, environment));
  scheduler::v1::RegisterWorkerRequest& registration = options.registration;
  registration.set_worker(config_.name);
  registration.set_address(server_->address());
  registration.set_certificate_sha256(certificate_.fingerprint);
  registration.set_certificate_pem(certificate_.certificate_pem);
  if (config_.has_host_image()) registration.add_images(StrCat(kHostImage));
  registration.set_pulls_images(images_ != nullptr);
  registration.set_isolation(StrCat(runtime_->isolation()));
  registration.set_slots(static_cast<uint32_t>(config_.slots));
  registration.set_memory_bytes(config_.sandbox_memory);
  registration.set_hpcc_version(HPCC_VERSION);
  return options;
}

absl::Status Worker::TakeNews(const SchedulerNews& news) {
  HPCC_RETURN_IF_ERROR(server_->callers().SetKeys(news.jwks));
  std::map<std::string, TenantLimits, std::less<>> limits;
  for (const scheduler::v1::TenantLimits& tenant : news.tenants) {
    limits[tenant.tenant()] = {tenant.upload_bytes_per_hour(), tenant.compiles_in_flight(),
                               tenant.source_store_bytes()};
  }
  server_->tenants().SetLimits(std::move(limits));
  return absl::OkStatus();
}

absl::Status Worker::Start(const Environment& environment) {
  HPCC_RETURN_IF_ERROR(StartServer(environment));
  HPCC_ASSIGN_OR_RETURN(SchedulerLinkOptions options, LinkOptions(environment));
  SchedulerLink::Listeners listeners;
  listeners.on_news = [this](const SchedulerNews& news) { return TakeNews(news); };
  listeners.load = [this] {
    return WorkerLoad{server_->jobs().in_flight(), FreeMemoryBytes(),
                      images_ == nullptr ? std::vector<std::string>() : images_->Ready()};
  };
  listeners.on_change = [this](const absl::Status& status) {
    if (status.ok()) {
      Log(LogLevel::kInfo, "the scheduler has accepted this worker");
    } else {
      Complain(StrCat("scheduler ", config_.scheduler_address, ": ", std::string(status.message()),
                      "; trying again"));
    }
  };
  link_ = std::make_unique<SchedulerLink>(std::move(options), std::move(listeners));
  return absl::OkStatus();
}

void Worker::Serve() {
  bool announced = false;
  while (WaitForSignal(kTick) == 0) {
    server_->events().Flush();
    if (announced || !link_->WaitUntilRegistered(std::chrono::milliseconds(0))) continue;
    announced = true;
    Say(StrCat("ready, ", config_.name, " at ", server_->address(), ", isolation ",
               runtime_->isolation(), ", certificate ", certificate_.fingerprint));
  }
  link_->Drain();
  // Jobs under way are finished, unless a second signal comes.
  for (std::chrono::milliseconds waited{0}; waited < kLastWait; waited += kTick) {
    if (server_->jobs().in_flight() == 0 || WaitForSignal(kTick) != 0) break;
  }
  server_->Stop(std::chrono::milliseconds(1000));
  link_->Stop();
}

int Serve(const WorkerConfig& config, FileSystem& fs, const Environment& environment) {
  // Before any thread: all of them leave these to WaitForSignal.
  BlockEndingSignals();
  if (!config.log_file.empty()) {
    const absl::Status opened = OpenLog(config.log_file);
    if (!opened.ok()) Complain(std::string(opened.message()));
  }
  Warn(config.shared_cache);
  Worker worker(config, fs, Clock::Real());
  const absl::Status started = worker.Start(environment);
  if (!started.ok()) {
    Complain(std::string(started.message()));
    return kFailed;
  }
  worker.Serve();
  return 0;
}

int Check(const CommandLine& line, const WorkerConfig& config, FileSystem& fs,
          const Environment& environment) {
  // Not a word is sent: what the caches answer is for the worker to find out.
  const absl::Status shared =
      OpenSharedTiers(config.shared_cache, environment, fs, Clock::Real()).status();
  if (!shared.ok()) {
    Complain(std::string(shared.message()));
    return kUsage;
  }
  Warn(config.shared_cache);
  Say(StrCat(line.config_file, " is right"));
  return 0;
}

int Run(const CommandLine& line) {
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  const absl::StatusOr<WorkerConfig> config = LoadWorkerConfig(fs, line.config_file, environment);
  if (!config.ok()) {
    Complain(std::string(config.status().message()));
    return kUsage;
  }
  if (line.check_only) return Check(line, *config, fs, environment);
  if (!line.replay.job.empty()) return RunReplay(*config, line.replay, fs);
  return Serve(*config, fs, environment);
}

}  // namespace

int RunWorker(int argc, char** argv) {
  const std::string_view word = argc == 2 ? argv[1] : "";
  if (word == "--help" || word == "-h") {
    fwrite(kHelp.data(), 1, kHelp.size(), stdout);
    return 0;
  }
  if (word == "--version") {
    printf("hpcc-worker %s\n", HPCC_VERSION);
    return 0;
  }
  const absl::StatusOr<CommandLine> line = ReadCommandLine(argc, argv);
  if (!line.ok()) {
    Complain(std::string(line.status().message()));
    return kUsage;
  }
  // gRPC would write a line for every connection of a stranger that is no TLS.
  gpr_set_log_function([](gpr_log_func_args*) {});
  KeepMemoryPrivate();
  RaiseDescriptorLimit();
  return Run(*line);
}

}  // namespace hpcc
