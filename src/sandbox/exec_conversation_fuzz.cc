// Whatever an agent says that a compile has taken over: what is accepted has the outputs that were
// asked for, each as long as announced, and no more of the streams than allowed.
//
//   input = ( size:u16 (little-endian) , message )*

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "sandbox/exec_conversation.h"

namespace {

constexpr uint64_t kStdioBytes = 1000;

void Require(bool condition) {
  if (!condition) std::abort();
}

absl::StatusOr<hpcc::ExecResult> Answer(const hpcc::ExecRequest& request, std::string_view bytes) {
  hpcc::ExecAnswer answer(request);
  while (bytes.size() >= 2) {
    const size_t size = static_cast<uint8_t>(bytes[0]) + 256 * static_cast<uint8_t>(bytes[1]);
    const std::string_view message = bytes.substr(2, size);
    bytes.remove_prefix(2 + message.size());
    hpcc::agent_v1::ExecResponse response;
    if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) break;
    const absl::Status taken = answer.Take(std::move(response));
    if (!taken.ok()) return taken;
  }
  return answer.Finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  hpcc::ExecRequest request;
  request.outputs = {"/a", "/b"};
  request.limits.stdio_bytes = kStdioBytes;
  const absl::StatusOr<hpcc::ExecResult> kept = Answer(request, bytes);
  size_t streamed = 0;
  request.stdio = [&streamed](bool, std::string_view data) { streamed += data.size(); };
  const absl::StatusOr<hpcc::ExecResult> passed = Answer(request, bytes);
  Require(streamed <= kStdioBytes && kept.ok() == passed.ok());
  if (!kept.ok()) return 0;
  Require(kept->standard_output.size() + kept->standard_error.size() == streamed);
  Require(passed->standard_output.empty() && passed->standard_error.empty());
  Require(kept->outputs.size() <= request.outputs.size());
  for (const hpcc::ExecOutput& output : kept->outputs) {
    Require(output.path == "/a" || output.path == "/b");
    Require((output.mode & ~0777U) == 0);
  }
  return 0;
}
