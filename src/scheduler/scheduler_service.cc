#include "scheduler/scheduler_service.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include "base/strings.h"
#include "hpcc/scheduler/v1/scheduler.grpc.pb.h"
#include "scheduler/limits.h"

namespace hpcc {

namespace v1 = scheduler::v1;

namespace {

constexpr char kAuthorization[] = "authorization";
constexpr std::string_view kBearer = "Bearer ";
constexpr char kRetryAfter[] = "hpcc-retry-after-ms";

constexpr int kIdleMs = 600'000;
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepalivePatienceMs = 20'000;
constexpr int kLeastPingMs = 10'000;
constexpr int kHandshakeMs = 10'000;
constexpr int kMaxStreams = 128;        // of one connection
constexpr int kMaxMetadata = 32 << 10;  // bytes: tokens travel there
constexpr std::chrono::milliseconds kLastCalls{1000};

// Both sides number their codes alike (google.rpc.Code).
grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// Points into the call's own metadata.
Caller CallerOf(const grpc::ServerContext& context, const std::string& peer) {
  Caller caller;
  caller.peer = peer;
  const auto found = context.client_metadata().find(kAuthorization);
  if (found == context.client_metadata().end()) return caller;
  const std::string_view value(found->second.data(), found->second.size());
  if (value.starts_with(kBearer)) caller.bearer = value.substr(kBearer.size());
  return caller;
}

class Service final : public v1::Scheduler::Service {
 public:
  explicit Service(SchedulerCore& core) : core_(core) {}

  grpc::Status GetTenantIdP(grpc::ServerContext*, const v1::GetTenantIdPRequest* request,
                            v1::GetTenantIdPResponse* response) override {
    *response = core_.GetTenantIdP(*request);
    return grpc::Status::OK;
  }
  grpc::Status Authenticate(grpc::ServerContext* context, const v1::AuthenticateRequest* request,
                            v1::AuthenticateResponse* response) override {
    return Answer(context, &SchedulerCore::Authenticate, *request, response);
  }
  grpc::Status Route(grpc::ServerContext* context, const v1::RouteRequest* request,
                     v1::RouteResponse* response) override {
    const grpc::Status status = Answer(context, &SchedulerCore::Route, *request, response);
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      context->AddTrailingMetadata(kRetryAfter, StrCat(core_.retry_after().count()));
    }
    return status;
  }
  grpc::Status RegisterWorker(grpc::ServerContext* context,
                              const v1::RegisterWorkerRequest* request,
                              v1::RegisterWorkerResponse* response) override {
    return Answer(context, &SchedulerCore::RegisterWorker, *request, response);
  }
  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    return Answer(context, &SchedulerCore::Heartbeat, *request, response);
  }
  grpc::Status ReportSandboxLost(grpc::ServerContext* context,
                                 const v1::ReportSandboxLostRequest* request,
                                 v1::ReportSandboxLostResponse* response) override {
    return Answer(context, &SchedulerCore::ReportSandboxLost, *request, response);
  }

 private:
  template <typename Request, typename Response>
  using Call = absl::StatusOr<Response> (SchedulerCore::*)(const Request&, const Caller&);

  template <typename Request, typename Response>
  grpc::Status Answer(grpc::ServerContext* context, Call<Request, Response> call,
                      const Request& request, Response* response) {
    const std::string peer = context->peer();
    absl::StatusOr<Response> answer = (core_.*call)(request, CallerOf(*context, peer));
    if (!answer.ok()) return ToGrpc(answer.status());
    *response = *std::move(answer);
    return grpc::Status::OK;
  }

  SchedulerCore& core_;
};

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const CertificateAndKey& certificate) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({certificate.key_pem, certificate.certificate_pem});
  return grpc::SslServerCredentials(options);
}

void SetBounds(grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("hpcc-scheduler");
  quota.Resize(kMaxSchedulerBuffers);
  quota.SetMaxThreads(kMaxSchedulerThreads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxSchedulerMessage);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadata);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepalivePatienceMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPingMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  // Two schedulers on one port would each know half of the workers.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

struct SchedulerServer::State {
  explicit State(SchedulerCore& core) : service(core) {}

  Service service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

SchedulerServer::SchedulerServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

SchedulerServer::~SchedulerServer() {
  Stop();
}

absl::StatusOr<std::unique_ptr<SchedulerServer>> SchedulerServer::Start(
    SchedulerCore& core, const std::string& listen, const CertificateAndKey& certificate) {
  auto state = std::make_unique<State>(core);
  grpc::ServerBuilder builder;
  SetBounds(builder);
  builder.AddListeningPort(listen, CredentialsOf(certificate), &state->port);
  builder.RegisterService(&state->service);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return absl::UnavailableError(StrCat("can't listen on ", listen));
  }
  return std::unique_ptr<SchedulerServer>(new SchedulerServer(std::move(state)));
}

int SchedulerServer::port() const {
  return state_->port;
}

void SchedulerServer::Stop() {
  if (state_->server == nullptr) return;
  state_->server->Shutdown(std::chrono::system_clock::now() + kLastCalls);
  state_->server->Wait();
  state_->server.reset();
}

}  // namespace hpcc
