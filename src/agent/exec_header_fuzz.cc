// Whatever header comes in, CheckExecHeader neither crashes nor passes a path that leaves the stage
// or a limit nobody may have.

#include <cstdlib>

#include "agent/exec_header.h"
#include "base/path.h"
#include "sandbox/agent_limits.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckPath(const std::string& path) {
  Check(hpcc::CheckManifestPath(path).ok());
  Check(!hpcc::path::IsBelow(path, "/proc") && !hpcc::path::IsBelow(path, "/dev"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hpcc::agent_v1::ExecHeader header;
  if (!header.ParseFromArray(data, static_cast<int>(size))) return 0;
  const absl::StatusOr<hpcc::ExecCommand> command =
      hpcc::CheckExecHeader(header, uint64_t{1} << 30);
  if (!command.ok()) return 0;
  Check(!command->arguments.empty() && command->arguments.size() <= hpcc::kAgentArguments);
  Check(command->outputs.size() <= hpcc::kAgentOutputs);
  for (const std::string& output : command->outputs) CheckPath(output);
  for (const hpcc::ManifestEntry& entry : command->manifest.entries) CheckPath(entry.path);
  if (command->working_directory != "/") CheckPath(command->working_directory);
  Check(command->bounds.wall <= hpcc::kExecWallMost && command->bounds.wall.count() > 0);
  Check(command->bounds.stage_bytes <= hpcc::kExecStageBytesMost);
  return 0;
}
