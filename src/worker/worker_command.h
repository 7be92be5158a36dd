#ifndef HPCC_WORKER_WORKER_COMMAND_H_
#define HPCC_WORKER_WORKER_COMMAND_H_

// A command as a client sent it, read but not yet judged.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/environment.h"

namespace hpcc {

namespace worker::v1 {
class Command;
}

struct WorkerCommand {
  std::string compiler;  // absolute
  Digest toolchain;      // the client's: ToolchainFacts::identity
  std::vector<std::string> arguments;
  Environment environment;
  std::string working_directory;  // absolute, normal
};

// InvalidArgument: something is missing, malformed, or beyond the limits of limits.h.
absl::StatusOr<WorkerCommand> ReadCommand(const worker::v1::Command& message);

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_COMMAND_H_
