#ifndef HPCC_AGENT_AGENT_SERVICE_H_
#define HPCC_AGENT_AGENT_SERVICE_H_

// What an agent answers: proto/hpcc/agent/v1/agent.proto.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "agent/blob_store.h"
#include "agent/exec_reserve.h"
#include "agent/exec_session.h"
#include "agent/image_files.h"
#include "hpcc/agent/v1/agent.grpc.pb.h"

namespace hpcc {

struct AgentShape {
  uint32_t cpus = 1;  // as many execs at once
  uint64_t memory_bytes = 0;
  uint32_t ids = 1;  // user ids from 0 on that exist here
};

// What is kept ready for the execs of such a sandbox.
size_t ReserveFor(const AgentShape& shape);
// Whether there are enough ids for each exec to have its own.
bool HasOwnIdentities(const AgentShape& shape);

// Takes over the worker's time and entropy, which a Health request brings. Null: this sandbox has
// its host's.
using AdoptFromWorker = std::function<absl::Status(const agent_v1::HealthRequest& request)>;

// Thread-safe, as gRPC wants it.
class AgentService final : public agent_v1::Agent::Service {
 public:
  // All outlive it.
  AgentService(const AgentShape& shape, BlobStore& blobs, ImageFiles& image, ExecReserve& reserve,
               AdoptFromWorker adopt);

  grpc::Status Health(grpc::ServerContext* context, const agent_v1::HealthRequest* request,
                      agent_v1::HealthResponse* response) override;
  grpc::Status Put(grpc::ServerContext* context, grpc::ServerReader<agent_v1::PutRequest>* reader,
                   agent_v1::PutResponse* response) override;
  grpc::Status Get(grpc::ServerContext* context, const agent_v1::GetRequest* request,
                   grpc::ServerWriter<agent_v1::GetResponse>* writer) override;
  grpc::Status Exec(grpc::ServerContext* context, ExecSession::Stream* stream) override;

 private:
  // A place among the execs. False: all are taken, and none became free in a while.
  bool Enter();
  void Leave();

  const AgentShape shape_;
  BlobStore& blobs_;
  ImageFiles& image_;
  const AdoptFromWorker adopt_;
  const ExecRoom room_;

  std::mutex mutex_;
  std::condition_variable left_;
  uint32_t running_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_AGENT_SERVICE_H_
