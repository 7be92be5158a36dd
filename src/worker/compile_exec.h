#ifndef HPCC_WORKER_COMPILE_EXEC_H_
#define HPCC_WORKER_COMPILE_EXEC_H_

// One compile in a sandbox, from a command that was accepted to a bundle: the worker asks for
// dependency output of its own and holds it against the manifest, so that a result's key covers
// everything its compile read.

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "compiler/invocation.h"
#include "compiler/manifest.h"
#include "compiler/toolchain.h"
#include "sandbox/runtime.h"
#include "worker/host_toolchains.h"
#include "worker/stored_result.h"
#include "worker/text_memo.h"
#include "worker/worker_command.h"

namespace hpcc {

// Where the worker's own dependency output goes in a sandbox.
inline constexpr std::string_view kDependencyPath = "/tmp/.hpcc-dependencies.d";

struct CompileExec {
  std::string job;
  std::string traceparent;
  BlobReader read_blob;       // of the tenant
  TextMemo* texts = nullptr;  // of the tenant
  // The image `host`; null for any other, of which only the sandbox knows what it has: it compares
  // the manifest with that, and texts are read from blobs.
  HostToolchains* image = nullptr;
  const WorkerCommand* command = nullptr;
  const Invocation* invocation = nullptr;  // as read with the manifest
  const HostToolchain* toolchain = nullptr;
  const SourceManifest* manifest = nullptr;
  ExecLimits limits;
  std::function<bool()> cancelled;
  bool* began = nullptr;  // set when something is about to run
};

struct CompileOutcome {
  int exit_status = 0;
  // Whether the same command would give the same again: failed compiles, and those that may have
  // read what no manifest names, are answered and not stored.
  bool storable = false;
  StoredResult result;
  std::chrono::nanoseconds wall{0};
};

// FailedPrecondition: the compile must be done by the client: it read what the manifest doesn't
// have (the message begins with kUndeclared), its output depends on the time, it reached a limit.
// Else as Sandbox::Exec.
absl::StatusOr<CompileOutcome> RunCompileExec(Sandbox& sandbox, const CompileExec& exec);

// What a message calls it: "memory".
std::string_view LimitName(ExceededLimit limit);

inline constexpr std::string_view kUndeclared = "read without being in the manifest: ";

}  // namespace hpcc

#endif  // HPCC_WORKER_COMPILE_EXEC_H_
