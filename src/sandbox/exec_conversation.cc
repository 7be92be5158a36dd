#include "sandbox/exec_conversation.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

absl::Status Nonsense(std::string_view what) {
  return absl::InternalError(StrCat("the agent sent ", what));
}

absl::StatusOr<ExceededLimit> LimitOf(agent_v1::ExecResult::Limit limit) {
  switch (limit) {
    case agent_v1::ExecResult::NONE:
      return ExceededLimit::kNone;
    case agent_v1::ExecResult::WALL_TIME:
      return ExceededLimit::kWallTime;
    case agent_v1::ExecResult::MEMORY:
      return ExceededLimit::kMemory;
    case agent_v1::ExecResult::STAGE:
      return ExceededLimit::kStage;
    case agent_v1::ExecResult::STDIO:
      return ExceededLimit::kStdio;
    case agent_v1::ExecResult::PROCESSES:
      return ExceededLimit::kProcesses;
    case agent_v1::ExecResult::CPU_TIME:
      return ExceededLimit::kCpuTime;
    default:
      return Nonsense("an unknown limit");
  }
}

}  // namespace

agent_v1::ExecRequest MakeExecHeader(const ExecRequest& request) {
  agent_v1::ExecRequest message;
  agent_v1::ExecHeader& header = *message.mutable_header();
  header.set_job(request.job);
  for (const std::string& argument : request.arguments) header.add_arguments(argument);
  for (const std::string& variable : request.environment) header.add_environment(variable);
  header.set_working_directory(request.working_directory);
  header.set_manifest(request.manifest);
  for (const std::string& output : request.outputs) header.add_outputs(output);
  agent_v1::ExecLimits& limits = *header.mutable_limits();
  limits.set_wall_ms(static_cast<uint64_t>(request.limits.wall.count()));
  limits.set_cpu_seconds(static_cast<uint64_t>(request.limits.cpu.count()));
  limits.set_memory_bytes(request.limits.memory_bytes);
  limits.set_file_bytes(request.limits.file_bytes);
  limits.set_processes(request.limits.processes);
  limits.set_stage_bytes(request.limits.stage_bytes);
  limits.set_stdio_bytes(request.limits.stdio_bytes);
  header.set_traceparent(request.traceparent);
  return message;
}

bool SendBlob(const Digest& digest, const std::string& data,
              const std::function<bool(const agent_v1::ExecRequest&)>& send) {
  for (size_t offset = 0;;) {
    agent_v1::ExecRequest message;
    agent_v1::PutRequest& piece = *message.mutable_input();
    if (offset == 0) piece.set_digest(std::string(digest.bytes()));
    piece.set_data(data.substr(offset, kAgentChunkBytes));
    offset += piece.data().size();
    piece.set_last(offset == data.size());
    if (!send(message)) return false;
    if (piece.last()) return true;
  }
}

ExecAnswer::ExecAnswer(const ExecRequest& request)
    : request_(request),
      stdio_limit_(request.limits.stdio_bytes == 0 ? kExecStdioBytes : request.limits.stdio_bytes) {
}

absl::Status ExecAnswer::Take(agent_v1::ExecResponse&& response) {
  switch (response.body_case()) {
    case agent_v1::ExecResponse::kStdio:
      return TakeStdio(response.stdio());
    case agent_v1::ExecResponse::kResult:
      return TakeResult(response.result());
    case agent_v1::ExecResponse::kOutput:
      return TakeOutput(response.output());
    default:
      return Nonsense("a message out of its turn");
  }
}

absl::Status ExecAnswer::TakeStdio(const agent_v1::Stdio& stdio) {
  if (has_result_) return Nonsense("streams after the result");
  stdio_bytes_ += stdio.data().size();
  if (stdio_bytes_ > stdio_limit_) {
    return Nonsense("more of the standard streams than an exec may write");
  }
  if (request_.stdio) {
    request_.stdio(stdio.error(), stdio.data());
  } else {
    (stdio.error() ? result_.standard_error : result_.standard_output) += stdio.data();
  }
  return absl::OkStatus();
}

absl::Status ExecAnswer::TakeResult(const agent_v1::ExecResult& result) {
  if (std::exchange(has_result_, true)) return Nonsense("a second result");
  HPCC_ASSIGN_OR_RETURN(result_.exceeded, LimitOf(result.exceeded()));
  result_.exit_status = result.exit_status();
  result_.signal = result.signal();
  result_.wall = std::chrono::nanoseconds(result.wall_ns());
  result_.cpu = std::chrono::nanoseconds(result.cpu_ns());
  result_.peak_memory_bytes = result.peak_memory_bytes();
  uint64_t bytes = 0;
  auto asked = request_.outputs.begin();
  for (const agent_v1::OutputInfo& info : result.outputs()) {
    asked = std::find(asked, request_.outputs.end(), info.path());
    if (asked == request_.outputs.end()) return Nonsense("an output nobody asked for");
    ++asked;
    if (info.size() > kAgentOutputBytes - bytes) return Nonsense("outputs without end");
    bytes += info.size();
    sizes_.push_back(info.size());
    result_.outputs.push_back(ExecOutput{.path = info.path(), .mode = info.mode() & 0777});
  }
  return absl::OkStatus();
}

absl::Status ExecAnswer::TakeOutput(const agent_v1::OutputChunk& chunk) {
  if (chunk.index() >= sizes_.size()) return Nonsense("a piece of no output");
  std::string& data = result_.outputs[chunk.index()].data;
  if (chunk.data().size() > sizes_[chunk.index()] - data.size()) {
    return Nonsense("more of an output than there is");
  }
  data += chunk.data();
  return absl::OkStatus();
}

absl::StatusOr<ExecResult> ExecAnswer::Finish() {
  if (!has_result_) return Nonsense("no result");
  for (size_t i = 0; i < sizes_.size(); ++i) {
    if (result_.outputs[i].data.size() != sizes_[i])
      return Nonsense("less of an output than there is");
  }
  return std::move(result_);
}

}  // namespace hpcc
