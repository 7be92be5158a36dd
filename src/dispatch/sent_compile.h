#ifndef HPCC_DISPATCH_SENT_COMPILE_H_
#define HPCC_DISPATCH_SENT_COMPILE_H_

// A compile as it is sent to a worker: its command and its manifest, in the sandbox's names.
//
// Names stay what they are, so that outputs carry them, but for a marked project (.hpcc): what lies
// below its root lies below kSandboxRoot for the worker, in arguments as in the manifest, so that
// two checkouts send the same. Where a name below the root is in the command in a way that can't be
// told from other text, or leads out of the root, the project stays where it is.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "compiler/include_prediction.h"
#include "compiler/invocation.h"
#include "compiler/manifest.h"
#include "compiler/toolchain.h"
#include "dispatch/worker_client.h"

namespace hpcc {

struct CompileDescription {
  const Invocation* invocation = nullptr;
  const ToolchainFacts* toolchain = nullptr;
  const Environment* environment = nullptr;
  std::string compiler;  // absolute, normal
  std::string cwd;       // absolute
  std::string root;      // of the marked project, or ""
};

struct SentCompile {
  worker_v1::Command command;
  std::string manifest;  // encoded
  Digest manifest_digest;
  std::vector<BlobSource> blobs;  // of all files, by the paths they have here
  bool root_is_mapped = false;
};

// Whether names below the root can be those of the sandbox. `real_root`: the root without links.
bool CanMapRoot(const CompileDescription& compile, const std::string& real_root,
                const Prediction& prediction);

// InvalidArgument: a manifest has no room for it.
absl::StatusOr<SentCompile> MakeSentCompile(const CompileDescription& compile,
                                            const Prediction& prediction, bool map_root);

// The arguments alone, without dependency output and with the output beside the sources: where it
// goes here is nobody's business as long as it does not reach the output.
std::vector<std::string> SentArguments(const CompileDescription& compile, bool map_root);

}  // namespace hpcc

#endif  // HPCC_DISPATCH_SENT_COMPILE_H_
