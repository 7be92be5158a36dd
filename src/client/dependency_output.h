#ifndef HPCC_CLIENT_DEPENDENCY_OUTPUT_H_
#define HPCC_CLIENT_DEPENDENCY_OUTPUT_H_

// The user's dependency file: made from what the compiler wrote on a miss, from what was kept on a
// hit, and by the compiler itself where neither is certain to give its very bytes.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "cache/closure_record.h"
#include "cache/result_bundle.h"
#include "client/compiler_search.h"

namespace hpcc {

struct ReadDependencies {
  std::vector<std::string> files;  // as the compiler prints them
  // Not kNone when writing `files` in this style reproduces what the compiler wrote.
  DependencyStyle style = DependencyStyle::kNone;
};

// Reads the dependency output of a compile run by CompileCommand().
absl::StatusOr<ReadDependencies> ReadDependencyOutput(const Unit& unit, const std::string& text);

// `files` with what `closure` says of each.
std::vector<BundleDependency> DescribeDependencies(const Unit& unit,
                                                   const std::vector<std::string>& files,
                                                   const ClosureResult& closure);

// The text of the user's dependency file. Nothing when it can't be told from these alone.
std::optional<std::string> MakeDependencyFile(const Invocation& invocation, DependencyStyle style,
                                              const std::vector<BundleDependency>& dependencies,
                                              const ProjectRoot& root);

// The same, from the compiler: costs a preprocessor run.
absl::StatusOr<std::string> AskForDependencyFile(FileSystem& fs, const Unit& unit,
                                                 const FoundCompiler& compiler);

}  // namespace hpcc

#endif  // HPCC_CLIENT_DEPENDENCY_OUTPUT_H_
