#include "agent/agent_service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "agent/blob_intake.h"
#include "base/status.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

constexpr uint32_t kMostReady = 4;
// A worker that cancelled an exec may start the next one before the cancelled one is dead.
constexpr std::chrono::seconds kWaitForPlace{2};

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace

// One more than may run: the next exec comes before what the last one had is replaced. Many at once
// are rare, and what is ready takes memory.
size_t ReserveFor(const AgentShape& shape) {
  return std::min(shape.cpus + 1, kMostReady);
}

bool HasOwnIdentities(const AgentShape& shape) {
  return shape.ids >= kExecIds;
}

AgentService::AgentService(const AgentShape& shape, BlobStore& blobs, ImageFiles& image,
                           ExecReserve& reserve, AdoptFromWorker adopt)
    : shape_(shape),
      blobs_(blobs),
      image_(image),
      adopt_(std::move(adopt)),
      room_{.blobs = blobs_,
            .image = image_,
            .reserve = reserve,
            .memory_share = shape.memory_bytes / std::max<uint32_t>(1, shape.cpus)} {}

grpc::Status AgentService::Health(grpc::ServerContext*, const agent_v1::HealthRequest* request,
                                  agent_v1::HealthResponse* response) {
  if (request->time_ns() != 0 || !request->entropy().empty()) {
    const absl::Status adopted =
        adopt_ ? adopt_(*request)
               : absl::UnimplementedError("this sandbox has its host's clock and entropy");
    if (!adopted.ok()) return ToGrpc(adopted);
  }
  response->set_protocol_version(kAgentProtocolVersion);
  response->set_hpcc_version(HPCC_VERSION);
  response->set_cpus(shape_.cpus);
  response->set_blob_bytes(blobs_.held());
  response->set_blob_capacity_bytes(blobs_.capacity());
  for (std::string& directory : image_.layout().Directories()) {
    response->add_image_directories(std::move(directory));
  }
  return grpc::Status::OK;
}

grpc::Status AgentService::Put(grpc::ServerContext*,
                               grpc::ServerReader<agent_v1::PutRequest>* reader,
                               agent_v1::PutResponse* response) {
  BlobIntake intake(blobs_, nullptr);
  agent_v1::PutRequest piece;
  while (reader->Read(&piece)) {
    if (absl::Status status = intake.Take(piece); !status.ok()) return ToGrpc(status);
  }
  if (absl::Status status = intake.End(); !status.ok()) return ToGrpc(status);
  response->set_blobs(intake.blobs());
  response->set_bytes(intake.bytes());
  return grpc::Status::OK;
}

grpc::Status AgentService::Get(grpc::ServerContext*, const agent_v1::GetRequest* request,
                               grpc::ServerWriter<agent_v1::GetResponse>* writer) {
  const std::optional<Digest> digest = Digest::FromBytes(request->digest());
  if (!digest) return ToGrpc(absl::InvalidArgumentError("blob: a digest has 32 bytes"));
  // An open file stays whole even when the blob goes.
  const absl::StatusOr<Descriptor> file = blobs_.Open(*digest);
  if (!file.ok()) return ToGrpc(file.status());
  agent_v1::GetResponse response;
  for (uint64_t offset = 0;;) {
    absl::StatusOr<std::string> data = ReadDescriptorAt(*file, offset, kAgentChunkBytes);
    if (!data.ok()) return ToGrpc(data.status());
    if (data->empty()) return grpc::Status::OK;
    offset += data->size();
    response.set_data(*std::move(data));
    if (!writer->Write(response)) return ToGrpc(absl::CancelledError("blob: cancelled"));
  }
}

grpc::Status AgentService::Exec(grpc::ServerContext* context, ExecSession::Stream* stream) {
  if (!Enter()) {
    return ToGrpc(absl::ResourceExhaustedError("exec: as many run as there are CPUs"));
  }
  const absl::Status status = ExecSession(room_, *context, *stream).Run();
  Leave();
  return ToGrpc(status);
}

bool AgentService::Enter() {
  std::unique_lock lock(mutex_);
  if (!left_.wait_for(lock, kWaitForPlace, [this] { return running_ < shape_.cpus; })) {
    return false;
  }
  ++running_;
  return true;
}

void AgentService::Leave() {
  {
    const std::lock_guard lock(mutex_);
    --running_;
  }
  left_.notify_one();
}

}  // namespace hpcc
