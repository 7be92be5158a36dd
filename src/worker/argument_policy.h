#ifndef HPCC_WORKER_ARGUMENT_POLICY_H_
#define HPCC_WORKER_ARGUMENT_POLICY_H_

// What a client may ask a compiler to do. The sandbox is the wall; this is the rule that nobody
// leans against it: a command passes only when everything in it is known to read the stage and the
// image, write the outputs hpcc takes, and run the image's own programs.
//
// Allowed are flags by what they touch (FlagEffect), with a list of exceptions; where the effect
// says too little, flags by name. What isn't known is refused. docs/worker.md lists the rules.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "compiler/invocation.h"
#include "worker/worker_command.h"

namespace hpcc {

// Whether `path`, absolute, names something an image with these directories provides.
bool IsInImage(std::string_view path, const std::vector<std::string>& image_directories);

struct PolicyRequest {
  const WorkerCommand* command = nullptr;
  const std::vector<std::string>* image_directories = nullptr;
  bool is_clang = false;
};

// How the refusal of a variable begins; any other is one of an argument.
inline constexpr std::string_view kVariableRefused = "variable refused: ";

// Reads the command line again and judges it. `fs` says what is there: ManifestFileSystem, or
// AnythingFileSystem while the manifest isn't known. PermissionDenied names the word and the rule.
absl::StatusOr<Invocation> CheckCommand(const PolicyRequest& request, FileSystem& fs);

// What the compiler gets: the variables of the command, and those of the sandbox.
Environment ExecEnvironment(const WorkerCommand& command);

// Of everything in an accepted command that decides what comes out, but for its files: the
// compiler's path, its words without the output's name (unless that reaches the output), the
// variables and the working directory.
Digest CommandKey(const WorkerCommand& command, const Invocation& invocation);

}  // namespace hpcc

#endif  // HPCC_WORKER_ARGUMENT_POLICY_H_
