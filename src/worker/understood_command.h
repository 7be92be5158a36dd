#ifndef HPCC_WORKER_UNDERSTOOD_COMMAND_H_
#define HPCC_WORKER_UNDERSTOOD_COMMAND_H_

// A command that the argument policy has passed, with the compiler it runs: what a result's key is
// made of, for a job and for its replay alike.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "compiler/invocation.h"
#include "compiler/toolchain.h"
#include "sandbox/runtime.h"
#include "worker/host_toolchains.h"
#include "worker/image_toolchains.h"
#include "worker/worker_command.h"

namespace hpcc {

struct UnderstoodCommand {
  Invocation invocation;
  std::shared_ptr<const HostToolchain> toolchain;  // null: asked in the sandbox, later
  bool is_clang = false;                           // as which the command was read
};

// `fs` says what is there, as for CheckCommand (worker/argument_policy.h). PermissionDenied: the
// policy refuses the command. FailedPrecondition: what the compiler is, can't be told. Aborted,
// ResourceExhausted, Cancelled: as HostToolchains::Identify.
absl::StatusOr<UnderstoodCommand> UnderstandCommand(
    const WorkerCommand& command, HostToolchains& image, FileSystem& fs,
    HostToolchains::WhileAnotherIsAsked manner = HostToolchains::WhileAnotherIsAsked::kWait,
    const std::function<bool()>& cancelled = nullptr);

// The same for another image than `host`, whose directories and compilers only its sandboxes know:
// read as one of the compiler of that name, with the places where compilers use to lie for the
// image's. No toolchain yet.
absl::StatusOr<UnderstoodCommand> UnderstandImageCommand(const WorkerCommand& command,
                                                         FileSystem& fs);

// What is left to be found out of such a command, in a sandbox of its image: it is judged by what
// the image really has and `files` (its manifest) says, and by the image's own compiler.
// Whether the toolchain is the client's is the caller's to say. FailedPrecondition: the compiler of
// that name is of another kind than the name says. Else as UnderstandCommand and
// ImageToolchains::Identify.
struct ImageCommandCheck {
  const WorkerCommand* command = nullptr;
  ImageToolchains* toolchains = nullptr;
  std::string job;
  ExecLimits limits;
  std::function<bool()> cancelled;
};
absl::Status FinishImageCommand(const ImageCommandCheck& check, Sandbox& sandbox, FileSystem& files,
                                UnderstoodCommand* understood);

}  // namespace hpcc

#endif  // HPCC_WORKER_UNDERSTOOD_COMMAND_H_
