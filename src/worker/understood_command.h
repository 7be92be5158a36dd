#ifndef HPCC_WORKER_UNDERSTOOD_COMMAND_H_
#define HPCC_WORKER_UNDERSTOOD_COMMAND_H_

// A command that the argument policy has passed, with the compiler it runs: what a result's key is
// made of, for a job and for its replay alike.

#include <memory>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "compiler/invocation.h"
#include "compiler/toolchain.h"
#include "worker/host_toolchains.h"
#include "worker/worker_command.h"

namespace hpcc {

struct UnderstoodCommand {
  Invocation invocation;
  std::shared_ptr<const HostToolchain> toolchain;

  bool is_clang() const { return toolchain->family == CompilerFamily::kClang; }
};

// `fs` says what is there, as for CheckCommand (worker/argument_policy.h). PermissionDenied: the
// policy refuses the command. FailedPrecondition: what the compiler is, can't be told.
absl::StatusOr<UnderstoodCommand> UnderstandCommand(const WorkerCommand& command,
                                                    HostToolchains& image, FileSystem& fs);

}  // namespace hpcc

#endif  // HPCC_WORKER_UNDERSTOOD_COMMAND_H_
