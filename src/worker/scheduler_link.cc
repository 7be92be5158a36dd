#include "worker/scheduler_link.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxLost = 256;
constexpr size_t kMaxReasonBytes = 300;
constexpr int kMaxAnswerBytes = 8 << 20;

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()),
          status.error_message().substr(0, kMaxReasonBytes)};
}

template <typename Response>
SchedulerNews NewsOf(const Response& response) {
  return {response.jwks(), {response.tenants().begin(), response.tenants().end()}};
}

}  // namespace

struct SchedulerLink::Remote {
  std::unique_ptr<scheduler::v1::Scheduler::Stub> stub;

  std::unique_ptr<grpc::ClientContext> NewCall(const SchedulerLinkOptions& options) const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + options.call_time);
    context->AddMetadata("authorization", StrCat("Bearer ", options.secret));
    return context;
  }
};

SchedulerLink::SchedulerLink(SchedulerLinkOptions options, Listeners listeners)
    : options_(std::move(options)),
      listeners_(std::move(listeners)),
      remote_(std::make_unique<Remote>()) {
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = options_.ca_pem;
  grpc::ChannelArguments arguments;
  if (!options_.server_name.empty()) arguments.SetSslTargetNameOverride(options_.server_name);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  remote_->stub = scheduler::v1::Scheduler::NewStub(
      grpc::CreateCustomChannel(options_.address, grpc::SslCredentials(ssl), arguments));
  thread_ = std::thread([this] { Run(); });
}

SchedulerLink::~SchedulerLink() {
  Stop();
}

void SchedulerLink::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool SchedulerLink::WaitUntilRegistered(std::chrono::milliseconds bound) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, bound, [this] { return ever_registered_; });
}

void SchedulerLink::ReportLost(const PooledSandbox& sandbox) {
  scheduler::v1::ReportSandboxLostRequest report;
  report.set_worker(options_.registration.worker());
  report.set_tenant(sandbox.tenant);
  report.set_image(sandbox.image);
  report.set_sandbox(sandbox.id);
  report.set_reason("it died by itself");
  const std::lock_guard lock(mutex_);
  if (lost_.size() < kMaxLost) lost_.push_back(std::move(report));
  hurry_ = true;
  changed_.notify_all();
}

void SchedulerLink::Drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  hurry_ = true;
  changed_.notify_all();
}

void SchedulerLink::Run() {
  bool registered = false;
  std::chrono::milliseconds retry = options_.retry_first;
  while (true) {
    const absl::Status status = Step(&registered);
    Note(status);
    std::unique_lock lock(mutex_);
    const std::chrono::milliseconds pause = status.ok() ? beat_ : retry;
    retry = status.ok() ? options_.retry_first : std::min(retry * 2, options_.retry_most);
    // Only what works is hurried: a scheduler that is away isn't asked without a pause.
    changed_.wait_for(lock, pause, [&] { return stopping_ || (hurry_ && status.ok()); });
    if (stopping_) return;
    hurry_ = false;
  }
}

absl::Status SchedulerLink::Step(bool* registered) {
  if (!*registered) {
    HPCC_RETURN_IF_ERROR(Register());
    *registered = true;
    const std::lock_guard lock(mutex_);
    ever_registered_ = true;
    changed_.notify_all();
  }
  const absl::Status beat = SendHeartbeat();
  if (absl::IsNotFound(beat)) {
    *registered = false;
    HPCC_RETURN_IF_ERROR(Register());
    *registered = true;
    HPCC_RETURN_IF_ERROR(SendHeartbeat());
  } else {
    HPCC_RETURN_IF_ERROR(beat);
  }
  return SendLost();
}

absl::Status SchedulerLink::Register() {
  scheduler::v1::RegisterWorkerResponse response;
  HPCC_RETURN_IF_ERROR(FromGrpc(remote_->stub->RegisterWorker(remote_->NewCall(options_).get(),
                                                              options_.registration, &response)));
  HPCC_RETURN_IF_ERROR(TakeNews(NewsOf(response), response.configuration()));
  const std::lock_guard lock(mutex_);
  beat_ = std::chrono::seconds(std::clamp<uint32_t>(response.heartbeat_seconds(), 1, 300));
  return absl::OkStatus();
}

absl::Status SchedulerLink::SendHeartbeat() {
  const WorkerLoad load = listeners_.load();
  scheduler::v1::HeartbeatRequest request;
  request.set_worker(options_.registration.worker());
  request.set_in_flight(load.in_flight);
  request.set_free_memory_bytes(load.free_memory_bytes);
  request.set_configuration(configuration_);
  *request.mutable_images() = options_.registration.images();
  for (const std::string& image : load.images) request.add_images(image);
  {
    const std::lock_guard lock(mutex_);
    request.set_draining(draining_);
  }
  scheduler::v1::HeartbeatResponse response;
  HPCC_RETURN_IF_ERROR(
      FromGrpc(remote_->stub->Heartbeat(remote_->NewCall(options_).get(), request, &response)));
  if (!response.known()) return absl::NotFoundError("the scheduler doesn't know this worker");
  // Keys and limits are left out where the worker has them: not to be taken for none at all.
  const bool is_known = !configuration_.empty() && response.configuration() == configuration_;
  if (is_known) return absl::OkStatus();
  return TakeNews(NewsOf(response), response.configuration());
}

absl::Status SchedulerLink::TakeNews(const SchedulerNews& news, const std::string& configuration) {
  configuration_.clear();
  HPCC_RETURN_IF_ERROR(listeners_.on_news(news));
  configuration_ = configuration;
  return absl::OkStatus();
}

absl::Status SchedulerLink::SendLost() {
  while (true) {
    scheduler::v1::ReportSandboxLostRequest report;
    {
      const std::lock_guard lock(mutex_);
      if (lost_.empty()) return absl::OkStatus();
      report = lost_.front();
    }
    scheduler::v1::ReportSandboxLostResponse response;
    HPCC_RETURN_IF_ERROR(FromGrpc(
        remote_->stub->ReportSandboxLost(remote_->NewCall(options_).get(), report, &response)));
    const std::lock_guard lock(mutex_);
    if (!lost_.empty()) lost_.pop_front();
  }
}

void SchedulerLink::Note(const absl::Status& status) {
  const std::string problem = status.ok() ? "" : std::string(status.message());
  {
    const std::lock_guard lock(mutex_);
    if (problem == last_problem_) return;
    last_problem_ = problem;
  }
  if (listeners_.on_change) listeners_.on_change(status);
}

}  // namespace hpcc
