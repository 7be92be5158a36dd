#include "dispatch/scheduler_client.h"

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxCaBytes = uint64_t{4} << 20;
constexpr int kMaxAnswerBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<SchedulerClient>> SchedulerClient::Make(FileSystem& fs,
                                                                       const std::string& address,
                                                                       const std::string& ca_file) {
  grpc::SslCredentialsOptions options;
  if (!ca_file.empty()) {
    absl::StatusOr<std::string> pem = ReadFile(fs, ca_file, kMaxCaBytes);
    if (!pem.ok()) {
      return absl::FailedPreconditionError(
          StrCat("remote.ca_file: ", std::string(pem.status().message())));
    }
    options.pem_root_certs = *std::move(pem);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  // A scheduler that comes back is found again soon; who decides not to ask is the caller.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  return std::unique_ptr<SchedulerClient>(new SchedulerClient(
      grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments)));
}

bool SchedulerClient::IsConnected() const {
  return channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
}

absl::StatusOr<scheduler_v1::GetTenantIdPResponse> SchedulerClient::GetTenantIdP(
    const std::string& tenant, const GoOn& go_on) {
  const auto context = MakeCallContext(kSchedulerPatience, "");
  scheduler_v1::GetTenantIdPRequest request;
  request.set_tenant(tenant);
  scheduler_v1::GetTenantIdPResponse response;
  HPCC_RETURN_IF_ERROR(RunUnaryCall(
      *context, go_on,
      [&](grpc::CompletionQueue* queue) {
        return stub_->AsyncGetTenantIdP(context.get(), request, queue);
      },
      &response));
  return response;
}

absl::StatusOr<scheduler_v1::AuthenticateResponse> SchedulerClient::Authenticate(
    const std::string& tenant, const std::string& token, const GoOn& go_on) {
  const auto context = MakeCallContext(kSchedulerPatience, "");
  scheduler_v1::AuthenticateRequest request;
  request.set_tenant(tenant);
  request.set_token(token);
  scheduler_v1::AuthenticateResponse response;
  HPCC_RETURN_IF_ERROR(RunUnaryCall(
      *context, go_on,
      [&](grpc::CompletionQueue* queue) {
        return stub_->AsyncAuthenticate(context.get(), request, queue);
      },
      &response));
  return response;
}

absl::StatusOr<scheduler_v1::RouteResponse> SchedulerClient::Route(
    const std::string& session, const std::string& image, const std::vector<std::string>& avoid,
    const GoOn& go_on) {
  const auto context = MakeCallContext(kSchedulerPatience, session);
  scheduler_v1::RouteRequest request;
  request.set_image(image);
  // The last is the one that has just failed: an older scheduler knows of no others.
  if (!avoid.empty()) request.set_avoid_worker(avoid.back());
  for (size_t i = 0; i + 1 < avoid.size(); ++i) request.add_avoid_workers(avoid[i]);
  scheduler_v1::RouteResponse response;
  HPCC_RETURN_IF_ERROR(RunUnaryCall(
      *context, go_on,
      [&](grpc::CompletionQueue* queue) {
        return stub_->AsyncRoute(context.get(), request, queue);
      },
      &response));
  return response;
}

}  // namespace hpcc
