#ifndef HPCC_SANDBOX_AGENT_CLIENT_H_
#define HPCC_SANDBOX_AGENT_CLIENT_H_

// The worker's side of the conversation with an agent: whatever the sandbox is made of, there is
// one byte stream to its agent, and this speaks over it. Nothing an agent says is believed beyond
// what was asked of it: a compiler may have taken it over.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "hpcc/agent/v1/agent.grpc.pb.h"
#include "sandbox/runtime.h"

namespace hpcc {

namespace agent_v1 = ::hpcc::agent::v1;

struct AgentHealth {
  std::string version;
  uint32_t cpus = 0;
  uint64_t blob_bytes = 0;
  uint64_t blob_capacity_bytes = 0;
  std::vector<std::string> image_directories;
};

// What a virtual machine lacks that has just been booted, resumed or cloned.
struct AgentGift {
  int64_t time_ns = 0;  // since the epoch; 0: the agent's clock is left alone
  std::string entropy;  // "": its random numbers too
};
// The time, and bytes that no other guest gets.
absl::StatusOr<AgentGift> FreshGift();

// Thread-safe.
class AgentClient {
 public:
  // `stream` is a connected stream socket.
  explicit AgentClient(Descriptor stream);
  // No call is under way.
  ~AgentClient();

  // Unavailable: the stream is over. FailedPrecondition: the agent speaks another version.
  // Unimplemented: a gift for an agent that has its host's time and entropy.
  absl::StatusOr<AgentHealth> Health(std::chrono::milliseconds bound, const AgentGift& gift = {});

  // As Sandbox::Exec; Unavailable: the stream is over, or the agent has not ended the exec within
  // its limits' wall and margin. Then whoever has the sandbox ends it: what still runs there is not
  // held by its agent.
  absl::StatusOr<ExecResult> Exec(const ExecRequest& request, const BlobReader& read_blob,
                                  const std::function<bool()>& cancelled);

 private:
  // A call that somebody may want to end.
  struct Watched {
    grpc::ClientContext& context;
    const std::function<bool()>& cancelled;
    bool cancelling = false;
  };
  using Stream = grpc::ClientReaderWriterInterface<agent_v1::ExecRequest, agent_v1::ExecResponse>;

  void WatchForCancelling();
  std::list<Watched>::iterator Watch(grpc::ClientContext& context,
                                     const std::function<bool()>& cancelled);
  bool Unwatch(std::list<Watched>::iterator watched);  // whether it was cancelled

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<agent_v1::Agent::Stub> stub_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Watched> watched_;
  bool stopping_ = false;
  bool asleep_ = false;  // the watcher, until there is something to watch
  std::thread watcher_;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_AGENT_CLIENT_H_
