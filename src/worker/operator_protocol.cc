#include "worker/operator_protocol.h"

#include <algorithm>

#include "base/frame.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"

namespace hpcc {

namespace {

constexpr uint32_t kLastCode = static_cast<uint32_t>(absl::StatusCode::kUnauthenticated);
constexpr size_t kMaxStatusBytes = 4096;

absl::Status Wrong(std::string_view what, std::string_view rule) {
  return absl::InvalidArgumentError(StrCat(what, ": ", rule));
}

absl::Status CheckExec(const operators_v1::Exec& exec) {
  if (exec.sandbox().empty() || exec.sandbox().size() > kMaxSandboxIdBytes) {
    return Wrong("sandbox", "no id of a sandbox");
  }
  if (exec.arguments_size() == 0) return Wrong("command", "there is none");
  if (exec.arguments_size() > kMaxOperatorCommandWords) return Wrong("command", "too many words");
  size_t bytes = 0;
  for (const std::string& word : exec.arguments()) {
    if (word.find('\0') != std::string::npos) return Wrong("command", "a word with a NUL");
    bytes += word.size() + 1;
  }
  if (bytes > kMaxOperatorCommandBytes) return Wrong("command", "too long");
  if (!CheckManifestPath(exec.arguments(0)).ok()) {
    return Wrong(exec.arguments(0).substr(0, 200),
                 "write the whole path of the program in the sandbox, as /usr/bin/gcc");
  }
  if (exec.wall_ms() > static_cast<uint64_t>(kOperatorWallMost.count())) {
    return Wrong("timeout", StrCat("at most ", kOperatorWallMost.count() / 60'000, " minutes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<operators_v1::Request> ParseOperatorRequest(std::string_view bytes) {
  operators_v1::Request request;
  if (bytes.size() > kMaxOperatorFrameBytes ||
      !request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no request");
  }
  // What another version's request must look like is not known here.
  if (request.protocol_version() != kOperatorProtocolVersion) return request;
  if (request.has_exec()) HPCC_RETURN_IF_ERROR(CheckExec(request.exec()));
  return request;
}

absl::StatusOr<operators_v1::Response> ParseOperatorResponse(std::string_view bytes) {
  operators_v1::Response response;
  if (bytes.size() > kMaxOperatorFrameBytes ||
      !response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no response");
  }
  if (response.code() > kLastCode) return Wrong("code", "no number of a status");
  if (response.sandboxes().sandboxes_size() > kMaxListedSandboxes) {
    return Wrong("sandboxes", "too many");
  }
  return response;
}

absl::Status SendOperatorFrame(Connection& connection, const google::protobuf::MessageLite& message,
                               std::chrono::milliseconds timeout) {
  std::string frame = FrameHead(static_cast<uint32_t>(message.ByteSizeLong()));
  message.AppendToString(&frame);
  return connection.Send(frame, timeout);
}

absl::Status StatusOf(const operators_v1::Response& response) {
  if (response.code() == 0) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(response.code()), response.message()};
}

void SetStatus(const absl::Status& status, operators_v1::Response* response) {
  response->set_code(static_cast<uint32_t>(status.code()));
  if (!status.ok()) {
    response->set_message(std::string(status.message().substr(0, kMaxStatusBytes)));
  }
}

}  // namespace hpcc
