#ifndef HPCC_AGENT_EXEC_SESSION_H_
#define HPCC_AGENT_EXEC_SESSION_H_

// One Exec call, from its header to its last output. Its memory is bounded: a message is read when
// the one before is dealt with, and what the command writes waits in a pipe until the worker has
// taken what came before it.

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/blob_store.h"
#include "agent/exec_header.h"
#include "agent/exec_plan.h"
#include "agent/image_files.h"
#include "agent/launcher.h"
#include "agent/stage.h"
#include "hpcc/agent/v1/agent.pb.h"

namespace hpcc {

// What every exec of a sandbox uses.
struct ExecRoom {
  BlobStore& blobs;
  ImageFiles& image;
  const Launcher& launcher;
  uint64_t memory_share = 0;  // of one exec
};

class ExecSession {
 public:
  using Stream = grpc::ServerReaderWriter<agent_v1::ExecResponse, agent_v1::ExecRequest>;

  // `own_identity`: nothing else that runs in the sandbox has it.
  ExecSession(const ExecRoom& room, const ExecIdentity& identity, bool own_identity,
              const grpc::ServerContext& context, Stream& stream)
      : room_(room),
        identity_(identity),
        own_identity_(own_identity),
        context_(context),
        stream_(stream),
        pins_(room.blobs) {}

  absl::Status Run();

 private:
  absl::Status ReadHeader();
  // Which entries must be staged, and whether all others are the image's own.
  absl::Status CompareWithImage();
  absl::Status GatherBlobs();
  absl::StatusOr<ExecReport> RunCommand(const Stage& stage);
  // Passes a stream on until it has nothing to say for now. False: at its end.
  bool PassOn(const Descriptor& pipe, bool error);
  void EndCommand(const LaunchedExec& exec);
  absl::Status SendResult(const ExecReport& report, const Stage& stage);
  absl::Status SendOutput(uint32_t index, const StagedOutput& output);
  bool Send(const agent_v1::ExecResponse& response);

  const ExecRoom& room_;
  const ExecIdentity identity_;
  const bool own_identity_;
  const grpc::ServerContext& context_;
  Stream& stream_;
  BlobStore::Pins pins_;

  ExecCommand command_;
  std::vector<const ManifestEntry*> staged_;
  uint64_t stdio_bytes_ = 0;
  bool too_much_stdio_ = false;
  bool told_to_end_ = false;
  bool worker_gone_ = false;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_SESSION_H_
