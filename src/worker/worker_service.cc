#include "worker/worker_service.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "worker/limits.h"
#include "worker/retry_after.h"
#include "worker/upload.h"

namespace hpcc {

namespace {

using worker::v1::CompileReply;

constexpr std::chrono::milliseconds kRetryWhenBusy{1000};

std::string_view ViewOf(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

absl::StatusOr<Digest> ReadDigest(const std::string& bytes) {
  const std::optional<Digest> digest = Digest::FromBytes(bytes);
  if (!digest) return absl::InvalidArgumentError("a digest has 32 bytes");
  return *digest;
}

}  // namespace

void WorkerService::Report(SecurityEvent event, const Caller& caller, const absl::Status& status) {
  parts_.events->Report(event, {.tenant = caller.tenant,
                                .user = caller.user,
                                .peer = caller.peer,
                                .detail = std::string(status.message())});
}

grpc::Status WorkerService::End(grpc::ServerContext* context, const absl::Status& status) const {
  if (status.ok()) return grpc::Status::OK;
  if (const auto after = RetryAfterOf(status)) {
    context->AddTrailingMetadata(kRetryAfterMetadata, StrCat(after->count()));
  }
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::StatusOr<WorkerService::Call> WorkerService::Begin(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  const std::string_view authorization =
      metadata.count("authorization") == 1 ? ViewOf(found->second) : std::string_view();
  Call call;
  HPCC_ASSIGN_OR_RETURN(call.caller, parts_.callers->Check(authorization, context.peer()));
  HPCC_ASSIGN_OR_RETURN(call.tenant, parts_.tenants->Get(call.caller.tenant));
  return call;
}

absl::StatusOr<JobRequest> WorkerService::ReadJob(const Call& call,
                                                  const worker::v1::Command& message) {
  absl::StatusOr<WorkerCommand> command = ReadCommand(message);
  if (!command.ok()) {
    Report(SecurityEvent::kMessageRefused, call.caller, command.status());
    return command.status();
  }
  JobRequest job;
  job.caller = &call.caller;
  job.tenant = call.tenant;
  job.command = *std::move(command);
  return job;
}

absl::Status WorkerService::Reply(const JobAnswer& answer, grpc::ServerContext* context,
                                  Replies* replies) {
  CallTimers::Watch watch(
      *parts_.timers, [context] { context->TryCancel(); }, kReplyTime, kReplySilence);
  std::string_view rest = *answer.bundle;
  CompileReply reply;
  for (; rest.size() > kReplyChunkBytes; rest.remove_prefix(kReplyChunkBytes)) {
    reply.set_bundle(StrCat(rest.substr(0, kReplyChunkBytes)));
    if (!replies->Write(reply)) return absl::CancelledError("the client went away");
    watch.Heard();
  }
  FinishReply(answer, rest, &reply);
  return replies->Write(reply) ? absl::OkStatus() : absl::CancelledError("the client went away");
}

CompileReply WorkerService::Miss(const Caller& caller) const {
  CompileReply reply;
  worker::v1::Miss& miss = *reply.mutable_miss();
  for (const std::string& directory : parts_.jobs->ImageDirectories(caller)) {
    miss.add_image_directories(directory);
  }
  return reply;
}

absl::Status WorkerService::BeginProbe(ProbeCall* probe) {
  HPCC_ASSIGN_OR_RETURN(Call call, Begin(probe->context()));
  Gauge::Place place = probes_.Enter(kMaxProbes);
  if (!place) return RetryLater("this worker has enough to do", kRetryWhenBusy);
  Gauge::Place of_tenant = call.tenant->probes().Enter(kMaxProbesPerTenant);
  if (!of_tenant) return RetryLater("the tenant has as many probes as it may", kRetryWhenBusy);
  HPCC_ASSIGN_OR_RETURN(const Digest manifest, ReadDigest(probe->request().manifest_digest()));
  HPCC_ASSIGN_OR_RETURN(JobRequest job, ReadJob(call, probe->request().command()));
  ProbeCall::Work& work = probe->work.emplace(ProbeCall::Work{
      std::move(call.caller), std::move(job), std::move(place), std::move(of_tenant)});
  work.job.caller = &work.caller;
  parts_.jobs->Probe(work.job, manifest,
                     [this, probe](const absl::StatusOr<std::optional<JobAnswer>>& answer) {
                       if (!answer.ok())
                         return probe->Fail(End(&probe->context(), answer.status()));
                       if (*answer) return probe->Send(**answer);
                       probe->Send(Miss(probe->work->caller));
                     });
  return absl::OkStatus();
}

void WorkerService::Probe(ProbeCall* probe) {
  const absl::Status begun = BeginProbe(probe);
  if (!begun.ok()) probe->Fail(End(&probe->context(), begun));
}

grpc::Status WorkerService::FindMissingBlobs(grpc::ServerContext* context,
                                             const worker::v1::FindMissingBlobsRequest* request,
                                             worker::v1::FindMissingBlobsResponse* response) {
  const absl::StatusOr<Call> call = Begin(*context);
  if (!call.ok()) return End(context, call.status());
  const auto refuse = [&](std::string_view why) {
    const absl::Status status = absl::InvalidArgumentError(StrCat("missing blobs: ", why));
    Report(SecurityEvent::kMessageRefused, call->caller, status);
    return End(context, status);
  };
  if (request->digests_size() > static_cast<int>(kMaxDigestsPerQuestion)) {
    return refuse(StrCat("at most ", kMaxDigestsPerQuestion, " digests at once"));
  }
  for (const std::string& bytes : request->digests()) {
    const std::optional<Digest> digest = Digest::FromBytes(bytes);
    if (!digest) return refuse("a digest has 32 bytes");
    if (!call->tenant->blobs().Contains(*digest)) response->add_digests(bytes);
  }
  return grpc::Status::OK;
}

absl::Status WorkerService::Receive(const Call& call, grpc::ServerContext* context,
                                    grpc::ServerReader<worker::v1::UploadBlobsRequest>* messages,
                                    worker::v1::UploadBlobsResponse* response) {
  const Gauge::Place place = call.tenant->upload_streams().Enter(kUploadsPerTenant);
  if (!place) return RetryLater("the tenant has as many uploads as it may", kRetryWhenBusy);
  CallTimers::Watch watch(
      *parts_.timers, [context] { context->TryCancel(); }, kUploadTime, kUploadSilence);
  Upload upload(*call.tenant, *parts_.fs, *parts_.clock);
  worker::v1::UploadBlobsRequest message;
  while (messages->Read(&message)) {
    watch.Heard();
    HPCC_RETURN_IF_ERROR(upload.Take(message));
  }
  if (context->IsCancelled()) return absl::CancelledError("the client went away, or was silent");
  HPCC_RETURN_IF_ERROR(upload.Finish());
  response->set_blobs(upload.blobs());
  response->set_bytes(upload.bytes());
  return absl::OkStatus();
}

grpc::Status WorkerService::UploadBlobs(
    grpc::ServerContext* context, grpc::ServerReader<worker::v1::UploadBlobsRequest>* messages,
    worker::v1::UploadBlobsResponse* response) {
  try {
    const absl::StatusOr<Call> call = Begin(*context);
    if (!call.ok()) return End(context, call.status());
    const absl::Status status = Receive(*call, context, messages, response);
    if (absl::IsResourceExhausted(status)) {
      Report(SecurityEvent::kQuotaExceeded, call->caller, status);
    } else if (absl::IsInvalidArgument(status)) {
      const bool digest = StrContains(std::string(status.message()), "another digest");
      Report(digest ? SecurityEvent::kDigestMismatch : SecurityEvent::kMessageRefused, call->caller,
             status);
    }
    return End(context, status);
  } catch (const std::bad_alloc&) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "no memory"};
  }
}

absl::Status WorkerService::RunCompile(const Call& call, const worker::v1::CompileRequest& request,
                                       grpc::ServerContext* context, Replies* replies) {
  HPCC_ASSIGN_OR_RETURN(const Digest digest, ReadDigest(request.digest()));
  if (request.client_job().size() > kMaxClientJobBytes ||
      request.traceparent().size() > kMaxTraceparentBytes) {
    return absl::InvalidArgumentError("compile: job or trace context too long");
  }
  HPCC_ASSIGN_OR_RETURN(JobRequest job, ReadJob(call, request.command()));
  job.traceparent = request.traceparent();
  job.cancelled = [context] { return context->IsCancelled(); };
  HPCC_ASSIGN_OR_RETURN(const JobAnswer answer,
                        parts_.jobs->Compile(job, request.manifest(), digest));
  return Reply(answer, context, replies);
}

grpc::Status WorkerService::Compile(grpc::ServerContext* context,
                                    const worker::v1::CompileRequest* request, Replies* replies) {
  try {
    const absl::StatusOr<Call> call = Begin(*context);
    if (!call.ok()) return End(context, call.status());
    return End(context, RunCompile(*call, *request, context, replies));
  } catch (const std::bad_alloc&) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "no memory"};
  }
}

}  // namespace hpcc
