#ifndef HPCC_AGENT_EXEC_SESSION_H_
#define HPCC_AGENT_EXEC_SESSION_H_

// One Exec call, from its header to its last output. Its memory is bounded: a message is read when
// the one before is dealt with, and what the command writes waits in a pipe until the worker has
// taken what came before it.

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/blob_store.h"
#include "agent/exec_header.h"
#include "agent/exec_plan.h"
#include "agent/exec_reserve.h"
#include "agent/image_files.h"
#include "agent/stage.h"
#include "hpcc/agent/v1/agent.pb.h"

namespace hpcc {

// What every exec of a sandbox uses.
struct ExecRoom {
  BlobStore& blobs;
  ImageFiles& image;
  ExecReserve& reserve;
  uint64_t memory_share = 0;  // of one exec
};

class ExecSession {
 public:
  using Stream = grpc::ServerReaderWriter<agent_v1::ExecResponse, agent_v1::ExecRequest>;

  ExecSession(const ExecRoom& room, const grpc::ServerContext& context, Stream& stream)
      : room_(room), context_(context), stream_(stream), pins_(room.blobs) {}
  ExecSession(const ExecSession&) = delete;
  ExecSession& operator=(const ExecSession&) = delete;
  ~ExecSession();

  absl::Status Run();

 private:
  absl::Status ReadHeader();
  // Which entries must be staged, and whether all others are the image's own.
  absl::Status CompareWithImage();
  absl::Status GatherBlobs();
  // For copies of what the image has not.
  absl::StatusOr<BlobStore::Room> RoomForSources(uint64_t bytes);
  // A world with the command's files in it.
  absl::Status Prepare();
  absl::StatusOr<ExecReport> RunCommand();
  // Passes on what a stream has to say.
  enum class Heard : uint8_t { kSomething, kNothing, kEnd };
  Heard PassOn(const Descriptor& pipe, bool error);
  void EndCommand();
  absl::Status SendResult(const ExecReport& report);
  absl::Status SendOutput(uint32_t index, const StagedOutput& output, bool last);
  // The last one goes together with the call's status.
  bool Send(const agent_v1::ExecResponse& response, bool last = false);

  const ExecRoom& room_;
  const grpc::ServerContext& context_;
  Stream& stream_;
  BlobStore::Pins pins_;

  ExecCommand command_;
  std::vector<const ManifestEntry*> staged_;
  std::optional<ReadyExec> world_;
  uint64_t memory_kills_before_ = 0;
  std::unique_ptr<char[]> heard_;  // room for what comes from a pipe; never cleared, for speed
  uint64_t stdio_bytes_ = 0;
  bool too_much_stdio_ = false;
  bool told_to_end_ = false;
  bool worker_gone_ = false;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_SESSION_H_
