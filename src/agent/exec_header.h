#ifndef HPCC_AGENT_EXEC_HEADER_H_
#define HPCC_AGENT_EXEC_HEADER_H_

// The first message of an exec, checked: what the agent goes by from then on.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/manifest.h"
#include "hpcc/agent/v1/agent.pb.h"

namespace hpcc {

namespace agent_v1 = ::hpcc::agent::v1;

struct ExecBounds {
  std::chrono::milliseconds wall{0};
  std::chrono::milliseconds cpu{0};  // of all its processes together
  uint64_t memory_bytes = 0;         // of all its processes together
  uint64_t file_bytes = 0;           // of one file; 0: only the stage's bound
  uint64_t processes = 0;            // and threads
  uint64_t stage_bytes = 0;
  uint64_t stdio_bytes = 0;
};

struct ExecCommand {
  std::string job;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string working_directory;
  SourceManifest manifest;
  std::vector<std::string> outputs;
  ExecBounds bounds;
};

// `memory_share` is what an exec gets that doesn't say. InvalidArgument names the rule that is
// broken:
//  - counts and sizes are within sandbox/agent_limits.h; no string holds NUL
//  - there is a program and its path is absolute; a variable is NAME=value
//  - working directory and outputs are paths as a manifest's (CheckManifestPath), and outputs
//    are distinct and don't lie at the top
//  - no path leads where the sandbox has things of its own: /proc, /dev, /sys, and of /.hpcc only
//    what lies below kSandboxRoot
absl::StatusOr<ExecCommand> CheckExecHeader(const agent_v1::ExecHeader& header,
                                            uint64_t memory_share);

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_HEADER_H_
