#ifndef HPCC_WORKER_WORKER_SERVICE_H_
#define HPCC_WORKER_WORKER_SERVICE_H_

// proto/hpcc/worker/v1/worker.proto on the wire. Every call begins with its token; everything it
// touches after that is of the token's tenant. What a message says of itself is bounded here,
// before anything else sees it.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "hpcc/worker/v1/worker.grpc.pb.h"
#include "worker/call_timers.h"
#include "worker/caller_check.h"
#include "worker/job_runner.h"
#include "worker/probe_calls.h"
#include "worker/tenant.h"

namespace hpcc {

// Thread-safe.
class WorkerService final : public WorkerCalls {
 public:
  // All outlive the service.
  struct Parts {
    CallerCheck* callers = nullptr;
    Tenants* tenants = nullptr;
    JobRunner* jobs = nullptr;
    SecurityEvents* events = nullptr;
    CallTimers* timers = nullptr;
    FileSystem* fs = nullptr;
    Clock* clock = nullptr;
  };
  explicit WorkerService(const Parts& parts) : parts_(parts) {}

  // Answers one of ProbeCompileCache.
  void Probe(ProbeCall* call);
  grpc::Status FindMissingBlobs(grpc::ServerContext* context,
                                const worker::v1::FindMissingBlobsRequest* request,
                                worker::v1::FindMissingBlobsResponse* response) override;
  grpc::Status UploadBlobs(grpc::ServerContext* context,
                           grpc::ServerReader<worker::v1::UploadBlobsRequest>* messages,
                           worker::v1::UploadBlobsResponse* response) override;
  grpc::Status Compile(grpc::ServerContext* context, const worker::v1::CompileRequest* request,
                       grpc::ServerWriter<worker::v1::CompileReply>* replies) override;

 private:
  // A call whose token was good.
  struct Call {
    Caller caller;
    std::shared_ptr<Tenant> tenant;
  };
  using Replies = grpc::ServerWriter<worker::v1::CompileReply>;

  absl::StatusOr<Call> Begin(const grpc::ServerContext& context);
  absl::StatusOr<JobRequest> ReadJob(const Call& call, const worker::v1::Command& command);
  absl::Status BeginProbe(ProbeCall* call);
  worker::v1::CompileReply Miss(const Caller& caller) const;
  absl::Status RunCompile(const Call& call, const worker::v1::CompileRequest& request,
                          grpc::ServerContext* context, Replies* replies);
  absl::Status Receive(const Call& call, grpc::ServerContext* context,
                       grpc::ServerReader<worker::v1::UploadBlobsRequest>* messages,
                       worker::v1::UploadBlobsResponse* response);
  absl::Status Reply(const JobAnswer& answer, grpc::ServerContext* context, Replies* replies);
  void Report(SecurityEvent event, const Caller& caller, const absl::Status& status);
  // The status as gRPC has it, with a time to retry beside it.
  grpc::Status End(grpc::ServerContext* context, const absl::Status& status) const;

  const Parts parts_;
  Gauge probes_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_SERVICE_H_
