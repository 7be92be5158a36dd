#include "worker/worker_server.h"

#include <grpc/grpc.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "worker/limits.h"
#include "worker/worker_runtime.h"

namespace hpcc {

namespace {

// For what gRPC holds of messages that arrive and leave.
constexpr size_t kTransportBytes = size_t{512} << 20;
// Each call that is under way has a thread. Calls beyond these are refused by gRPC itself.
constexpr int kThreadsBesideJobs = 64;
// Threads that wait for calls. gRPC's own bound of two makes it start a thread whenever a call
// waits for the disk or a compiler, and end one whenever a call is done: that cost more than a hit.
constexpr int kMaxPollers = 32;
constexpr int kPingEveryMs = 30'000;
constexpr int kPingTimeoutMs = 20'000;
// Clients ask whether this worker is there while they wait for it; more often than this is a flood.
constexpr int kLeastPingMs = 5'000;
// For results that still wait to be written to the shared cache when a worker ends.
constexpr std::chrono::milliseconds kLastWrites{3000};

std::shared_ptr<grpc::ServerCredentials> Credentials(const CertificateAndKey& certificate) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({certificate.key_pem, certificate.certificate_pem});
  return grpc::SslServerCredentials(options);
}

SandboxPoolOptions PoolOptions(const WorkerConfig& config, const Runtime& runtime) {
  SandboxPoolOptions options;
  options.start = WorkerStartBound(runtime);
  options.cpus = static_cast<uint32_t>(config.sandbox_cpus);
  options.memory_bytes = config.sandbox_memory;
  options.blob_bytes = config.sandbox_blobs;
  options.max_sandboxes = config.sandbox_count;
  options.max_memory_bytes = config.sandbox_total_memory;
  options.max_waiting = config.waiting + config.slots;
  options.suspend = std::chrono::duration_cast<std::chrono::seconds>(config.sandbox_suspend);
  options.idle = std::chrono::duration_cast<std::chrono::seconds>(config.sandbox_idle);
  options.session = std::chrono::duration_cast<std::chrono::seconds>(config.sandbox_session);
  options.drain = std::chrono::duration_cast<std::chrono::seconds>(config.job_time);
  return options;
}

JobOptions JobOptionsOf(const WorkerConfig& config) {
  JobOptions options;
  options.worker = config.name;
  options.slots = static_cast<uint32_t>(config.slots);
  options.waiting = static_cast<uint32_t>(config.waiting);
  options.patience = config.queue_time;
  options.limits = WorkerExecLimits(config);
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerServer>> WorkerServer::Start(const WorkerConfig& config,
                                                                  const Parts& parts) {
  std::unique_ptr<WorkerServer> server(new WorkerServer(config));
  HPCC_RETURN_IF_ERROR(server->Open(parts));
  HPCC_RETURN_IF_ERROR(server->Listen(parts.certificate));
  return server;
}

absl::Status WorkerServer::OpenSharedResults(const Parts& parts) {
  if (config_.shared_cache.tiers.empty()) return absl::OkStatus();
  HPCC_ASSIGN_OR_RETURN(
      std::vector<SharedTier> tiers,
      OpenSharedTiers(config_.shared_cache, parts.environment, *parts.fs, *parts.clock));
  SharedResultsOptions options;
  options.isolation = std::string(parts.runtime->isolation());
  HPCC_ASSIGN_OR_RETURN(
      shared_, SharedResults::Make(std::move(options), std::move(tiers), *events_, *parts.clock));
  return absl::OkStatus();
}

absl::Status WorkerServer::Open(const Parts& parts) {
  FileSystem& fs = *parts.fs;
  Clock& clock = *parts.clock;
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, config_.state_directory, 0700));
  AuditLogOptions log;
  log.path = path::Join(config_.state_directory, "audit.db");
  HPCC_ASSIGN_OR_RETURN(audit_, AuditLog::Open(log));
  events_ = std::make_unique<SecurityEvents>(clock, audit_.get());
  tenants_ = std::make_unique<Tenants>(config_.state_directory, config_.shares, fs, clock);
  image_ = std::make_unique<HostToolchains>(parts.image_directories, fs, clock);
  toolchains_ = std::make_unique<ImageToolchains>(parts.agent, fs, clock);
  pool_ = std::make_unique<SandboxPool>(*parts.runtime, config_.name,
                                        PoolOptions(config_, *parts.runtime), parts.on_lost, clock);
  callers_ = std::make_unique<CallerCheck>(config_.name, clock, *events_);
  HPCC_RETURN_IF_ERROR(OpenSharedResults(parts));
  jobs_ = std::make_unique<JobRunner>(JobOptionsOf(config_),
                                      JobRunner::Parts{.image = image_.get(),
                                                       .images = parts.images,
                                                       .toolchains = toolchains_.get(),
                                                       .pool = pool_.get(),
                                                       .shared = shared_.get(),
                                                       .audit = audit_.get(),
                                                       .events = events_.get(),
                                                       .clock = &clock});
  operator_commands_ = std::make_unique<OperatorCommands>(
      OperatorCommands::Options{.worker = config_.name,
                                .patience = config_.queue_time,
                                .limits = WorkerExecLimits(config_)},
      OperatorCommands::Parts{.pool = pool_.get(), .audit = audit_.get(), .clock = &clock});
  HPCC_ASSIGN_OR_RETURN(operators_, OperatorServer::Start(OperatorSocket(config_),
                                                          {.pool = pool_.get(),
                                                           .commands = operator_commands_.get(),
                                                           .events = events_.get(),
                                                           .fs = &fs}));
  timers_ = std::make_unique<CallTimers>();
  service_ = std::make_unique<WorkerService>(WorkerService::Parts{.callers = callers_.get(),
                                                                  .tenants = tenants_.get(),
                                                                  .jobs = jobs_.get(),
                                                                  .events = events_.get(),
                                                                  .timers = timers_.get(),
                                                                  .fs = &fs,
                                                                  .clock = &clock});
  return absl::OkStatus();
}

absl::Status WorkerServer::Listen(const CertificateAndKey& certificate) {
  grpc::ResourceQuota quota("hpcc-worker");
  quota.Resize(kTransportBytes);
  quota.SetMaxThreads(static_cast<int>(config_.slots + config_.waiting) + kThreadsBesideJobs);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(config_.listen, Credentials(certificate), &port);
  builder.RegisterService(service_.get());
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, kMaxPollers);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPingMs);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  probes_ = std::make_unique<ProbeCalls>(*service_, builder, *timers_,
                                         [this](ProbeCall* call) { service_->Probe(call); });
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    return absl::UnavailableError(StrCat("can't listen on ", config_.listen));
  }
  probes_->Start();
  const std::string& wanted = config_.address.empty() ? config_.listen : config_.address;
  const size_t colon = wanted.rfind(':');
  address_ = wanted.substr(colon) == ":0" ? StrCat(wanted.substr(0, colon), ":", port) : wanted;
  return absl::OkStatus();
}

void WorkerServer::Stop(std::chrono::milliseconds patience) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + patience);
  server_->Wait();
  probes_ = nullptr;
  server_ = nullptr;
  operators_ = nullptr;
  pool_->Stop();
  if (shared_ != nullptr) shared_->Flush(kLastWrites);
  events_->Flush();
}

WorkerServer::~WorkerServer() {
  Stop(std::chrono::milliseconds(0));
}

}  // namespace hpcc
