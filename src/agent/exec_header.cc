#include "agent/exec_header.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

constexpr std::string_view kTimeZone = "TZ=";

absl::Status Refused(std::string_view what, std::string_view rule) {
  return absl::InvalidArgumentError(StrCat("exec: ", what.substr(0, 200), ": ", rule));
}

absl::Status CheckPlace(std::string_view path) {
  for (std::string_view own : {"/proc", "/dev", "/sys"}) {
    if (path::IsBelow(path, own)) return Refused(path, "the place is the sandbox's own");
  }
  if (path::IsBelow(path, "/.hpcc") && !path::IsBelow(path, kSandboxRoot)) {
    return Refused(path, "the place is hpcc's own");
  }
  return absl::OkStatus();
}

absl::Status CheckPath(std::string_view path) {
  HPCC_RETURN_IF_ERROR(CheckManifestPath(path));
  return CheckPlace(path);
}

bool HoldsNul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

absl::Status CheckWords(const agent_v1::ExecHeader& header) {
  if (header.arguments_size() == 0) return Refused("arguments", "there is no program");
  if (static_cast<size_t>(header.arguments_size()) > kAgentArguments ||
      static_cast<size_t>(header.environment_size()) > kAgentVariables) {
    return Refused("arguments and environment", "too many");
  }
  size_t bytes = 0;
  for (const std::string& argument : header.arguments()) {
    if (HoldsNul(argument)) return Refused("arguments", "one holds NUL");
    bytes += argument.size() + 1;
  }
  for (const std::string& variable : header.environment()) {
    const size_t equals = variable.find('=');
    if (HoldsNul(variable) || equals == std::string::npos || equals == 0) {
      return Refused("environment", "one is not NAME=value");
    }
    bytes += variable.size() + 1;
  }
  if (bytes > kAgentCommandBytes) return Refused("arguments and environment", "too long");
  return CheckManifestPath(header.arguments(0));
}

absl::Status CheckOutputs(const agent_v1::ExecHeader& header) {
  if (static_cast<size_t>(header.outputs_size()) > kAgentOutputs) {
    return Refused("outputs", "too many");
  }
  std::set<std::string_view> seen;
  for (const std::string& output : header.outputs()) {
    HPCC_RETURN_IF_ERROR(CheckPath(output));
    if (path::Dirname(output) == "/") return Refused(output, "nothing can be written at the top");
    if (!seen.insert(output).second) return Refused(output, "it is asked for twice");
  }
  return absl::OkStatus();
}

absl::Status CheckNames(const agent_v1::ExecHeader& header) {
  if (header.job().size() > kAgentJobBytes) return Refused("job", "too long");
  if (header.traceparent().size() > kAgentTraceparentBytes) {
    return Refused("traceparent", "too long");
  }
  return absl::OkStatus();
}

// What is asked for, or `otherwise`; nothing when that is more than `most`.
bool Bound(uint64_t asked, uint64_t otherwise, uint64_t most, uint64_t* bound) {
  *bound = asked == 0 ? otherwise : asked;
  return *bound <= most;
}

absl::StatusOr<ExecBounds> CheckBounds(const agent_v1::ExecLimits& limits, uint64_t memory_share) {
  ExecBounds bounds;
  const uint64_t wall_most = static_cast<uint64_t>(kExecWallMost.count());
  uint64_t wall = 0;
  uint64_t cpu = 0;
  bool whole = Bound(limits.wall_ms(), static_cast<uint64_t>(kExecWall.count()), wall_most, &wall);
  // Without a word, only the wall bounds the time: a command may use every core there is.
  whole &= Bound(limits.cpu_seconds(), wall_most / 1000 * 64, wall_most / 1000 * 64, &cpu);
  whole &= Bound(limits.memory_bytes(), memory_share, UINT64_MAX / 8, &bounds.memory_bytes);
  whole &= Bound(limits.processes(), kExecProcesses, kExecProcessesMost, &bounds.processes);
  whole &= Bound(limits.stage_bytes(), kExecStageBytes, kExecStageBytesMost, &bounds.stage_bytes);
  whole &= Bound(limits.stdio_bytes(), kExecStdioBytes, kExecStdioBytesMost, &bounds.stdio_bytes);
  whole &= Bound(limits.file_bytes(), 0, kExecStageBytesMost, &bounds.file_bytes);
  if (!whole) return Refused("limits", "one is larger than any exec can have");
  bounds.wall = std::chrono::milliseconds(wall);
  bounds.cpu = std::chrono::milliseconds(cpu * 1000);
  bounds.memory_bytes = std::max(bounds.memory_bytes, kExecMemoryLeast);
  return bounds;
}

}  // namespace

absl::StatusOr<ExecCommand> CheckExecHeader(const agent_v1::ExecHeader& header,
                                            uint64_t memory_share) {
  HPCC_RETURN_IF_ERROR(CheckNames(header));
  HPCC_RETURN_IF_ERROR(CheckWords(header));
  HPCC_RETURN_IF_ERROR(CheckOutputs(header));
  if (header.working_directory() != "/")
    HPCC_RETURN_IF_ERROR(CheckPath(header.working_directory()));

  ExecCommand command;
  HPCC_ASSIGN_OR_RETURN(command.bounds, CheckBounds(header.limits(), memory_share));
  HPCC_ASSIGN_OR_RETURN(command.manifest, DecodeManifest(header.manifest()));
  for (const ManifestEntry& entry : command.manifest.entries) {
    HPCC_RETURN_IF_ERROR(CheckPlace(entry.path));
    // Commands write there, whatever their manifest says.
    if (entry.path == "/tmp" && entry.kind != ManifestEntry::Kind::kDirectory) {
      return Refused(entry.path, "it is a directory");
    }
  }
  command.job = header.job();
  command.arguments.assign(header.arguments().begin(), header.arguments().end());
  command.environment.assign(header.environment().begin(), header.environment().end());
  // Without it the C library asks the image for its time zone, in /etc/localtime.
  const bool has_time_zone =
      std::any_of(command.environment.begin(), command.environment.end(),
                  [](const std::string& variable) { return variable.starts_with(kTimeZone); });
  if (!has_time_zone) command.environment.push_back(StrCat(kTimeZone, "UTC"));
  command.working_directory = header.working_directory();
  command.outputs.assign(header.outputs().begin(), header.outputs().end());
  return command;
}

}  // namespace hpcc
