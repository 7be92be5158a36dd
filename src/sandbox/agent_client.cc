#include "sandbox/agent_client.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/clock.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "sandbox/agent_limits.h"
#include "sandbox/exec_conversation.h"

namespace hpcc {

namespace {

constexpr size_t kEntropyBytes = 64;
constexpr std::chrono::milliseconds kBetweenQuestions{20};  // whether a call is cancelled
// Waking the watcher costs a call more than its questions do, so it stays awake between calls.
constexpr int kQuestionsAfterTheLast = 50;

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// The digests of a manifest's files: what an agent may ask for.
absl::StatusOr<absl::flat_hash_set<Digest>> FilesOf(const std::string& encoded) {
  HPCC_ASSIGN_OR_RETURN(const SourceManifest manifest, DecodeManifest(encoded));
  absl::flat_hash_set<Digest> digests;
  for (const ManifestEntry& entry : manifest.entries) digests.insert(entry.digest);
  digests.erase(Digest());
  return digests;
}

absl::Status SendMissing(const agent_v1::MissingBlobs& missing, const ExecRequest& request,
                         const BlobReader& read_blob,
                         const std::function<bool(const agent_v1::ExecRequest&)>& send) {
  if (missing.digests_size() == 0) return absl::OkStatus();
  HPCC_ASSIGN_OR_RETURN(absl::flat_hash_set<Digest> wanted, FilesOf(request.manifest));
  for (const std::string& bytes : missing.digests()) {
    const std::optional<Digest> digest = Digest::FromBytes(bytes);
    if (!digest || wanted.erase(*digest) == 0) {
      return absl::InternalError("the agent asked for a blob that the manifest has not");
    }
    HPCC_ASSIGN_OR_RETURN(const std::string data, read_blob(*digest));
    if (data.size() > kAgentBlobBytes) {
      return absl::InvalidArgumentError(StrCat("exec: blob ", digest->ToHex(), " is too large"));
    }
    if (!SendBlob(*digest, data, send)) break;  // the end of the stream says why
  }
  return absl::OkStatus();
}

// Which is the agent's to keep; it is held to it.
std::chrono::milliseconds MostTime(const ExecLimits& limits) {
  const std::chrono::milliseconds wall = limits.wall.count() != 0 ? limits.wall : kExecWall;
  return std::min<std::chrono::milliseconds>(wall, kExecWallMost) + limits.margin;
}

}  // namespace

absl::StatusOr<AgentGift> FreshGift() {
  AgentGift gift;
  HPCC_ASSIGN_OR_RETURN(gift.entropy, SecretBytes(kEntropyBytes));
  gift.time_ns = Clock::Real().NowNanoseconds();
  return gift;
}

AgentClient::AgentClient(Descriptor stream) {
  fcntl(stream.get(), F_SETFL, O_NONBLOCK);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAgentMessageBytes);
  arguments.SetMaxSendMessageSize(kAgentMessageBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kAgentWindowBytes);
  channel_ = grpc::CreateCustomInsecureChannelFromFd("agent", stream.Release(), arguments);
  stub_ = agent_v1::Agent::NewStub(channel_);
  watcher_ = std::thread([this] { WatchForCancelling(); });
}

AgentClient::~AgentClient() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

void AgentClient::WatchForCancelling() {
  std::unique_lock lock(mutex_);
  for (int idle = 0; !stopping_; ++idle) {
    if (!watched_.empty()) idle = 0;
    if (idle >= kQuestionsAfterTheLast) {
      asleep_ = true;
      changed_.wait(lock, [this] { return stopping_ || !watched_.empty(); });
      asleep_ = false;
      continue;
    }
    for (Watched& watched : watched_) {
      if (watched.cancelling || !watched.cancelled || !watched.cancelled()) continue;
      watched.cancelling = true;
      watched.context.TryCancel();
    }
    changed_.wait_for(lock, kBetweenQuestions, [this] { return stopping_; });
  }
}

std::list<AgentClient::Watched>::iterator AgentClient::Watch(
    grpc::ClientContext& context, const std::function<bool()>& cancelled) {
  const std::lock_guard lock(mutex_);
  const auto watched = watched_.insert(watched_.end(), Watched{context, cancelled});
  if (asleep_) changed_.notify_all();
  return watched;
}

bool AgentClient::Unwatch(std::list<Watched>::iterator watched) {
  const std::lock_guard lock(mutex_);
  const bool cancelling = watched->cancelling;
  watched_.erase(watched);
  return cancelling;
}

absl::StatusOr<AgentHealth> AgentClient::Health(std::chrono::milliseconds bound,
                                                const AgentGift& gift) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + bound);
  agent_v1::HealthRequest request;
  request.set_time_ns(gift.time_ns);
  request.set_entropy(gift.entropy);
  agent_v1::HealthResponse response;
  const grpc::Status status = stub_->Health(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  if (response.protocol_version() != kAgentProtocolVersion) {
    return absl::FailedPreconditionError("the agent is another version's");
  }
  return AgentHealth{
      .version = response.hpcc_version(),
      .cpus = response.cpus(),
      .blob_bytes = response.blob_bytes(),
      .blob_capacity_bytes = response.blob_capacity_bytes(),
      .image_directories = {response.image_directories().begin(),
                            response.image_directories().end()},
  };
}

absl::StatusOr<ExecResult> AgentClient::Exec(const ExecRequest& request,
                                             const BlobReader& read_blob,
                                             const std::function<bool()>& cancelled) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + MostTime(request.limits));
  context.set_initial_metadata_corked(true);  // it goes with the header
  const auto watched = Watch(context, cancelled);
  const auto stream = stub_->Exec(&context);
  ExecAnswer answer(request);
  // Whatever is wrong at this end; the stream's own status otherwise.
  const absl::Status ours = [&]() -> absl::Status {
    agent_v1::ExecResponse response;
    if (!stream->Write(MakeExecHeader(request)) || !stream->Read(&response)) {
      return absl::OkStatus();
    }
    if (response.has_missing()) {
      HPCC_RETURN_IF_ERROR(SendMissing(
          response.missing(), request, read_blob,
          [&stream](const agent_v1::ExecRequest& message) { return stream->Write(message); }));
      stream->WritesDone();
    } else {
      HPCC_RETURN_IF_ERROR(answer.Take(std::move(response)));
    }
    while (stream->Read(&response)) HPCC_RETURN_IF_ERROR(answer.Take(std::move(response)));
    return absl::OkStatus();
  }();
  if (!ours.ok()) context.TryCancel();
  const grpc::Status theirs = stream->Finish();
  if (Unwatch(watched)) return absl::CancelledError("exec: cancelled");
  if (theirs.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::UnavailableError("exec: the agent has not ended it in its time");
  }
  if (!ours.ok()) return ours;
  if (!theirs.ok()) return FromGrpc(theirs);
  return answer.Finish();
}

}  // namespace hpcc
