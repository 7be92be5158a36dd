#ifndef HPCC_SANDBOX_EXEC_CONVERSATION_H_
#define HPCC_SANDBOX_EXEC_CONVERSATION_H_

// What is said in one Exec call, from the worker's side: what to send, and what of the agent's
// answers is acceptable. Knows no gRPC.

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hpcc/agent/v1/agent.pb.h"
#include "sandbox/runtime.h"

namespace hpcc {

namespace agent_v1 = ::hpcc::agent::v1;

agent_v1::ExecRequest MakeExecHeader(const ExecRequest& request);

// Sends a blob in pieces; false: the other end takes no more.
bool SendBlob(const Digest& digest, const std::string& data,
              const std::function<bool(const agent_v1::ExecRequest&)>& send);

// Takes the agent's messages after what is missing, in order. Internal: one that no agent of ours
// sends there, or more than was asked for.
class ExecAnswer {
 public:
  explicit ExecAnswer(const ExecRequest& request);

  absl::Status Take(agent_v1::ExecResponse&& response);
  // At the end of the stream.
  absl::StatusOr<ExecResult> Finish();

 private:
  absl::Status TakeStdio(const agent_v1::Stdio& stdio);
  absl::Status TakeResult(const agent_v1::ExecResult& result);
  absl::Status TakeOutput(const agent_v1::OutputChunk& chunk);

  const ExecRequest& request_;
  const uint64_t stdio_limit_;
  uint64_t stdio_bytes_ = 0;
  ExecResult result_;
  std::vector<uint64_t> sizes_;  // of the outputs, as announced
  bool has_result_ = false;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_EXEC_CONVERSATION_H_
