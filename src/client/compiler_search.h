#ifndef HPCC_CLIENT_COMPILER_SEARCH_H_
#define HPCC_CLIENT_COMPILER_SEARCH_H_

// Finds the program the user meant: never hpcc itself, and past other wrappers that stand in the
// same PATH.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

struct FoundCompiler {
  std::string path;                    // absolute, unless it was called by a relative path
  std::string called_as;               // argv[0] for it
  std::string name;                    // base name it is called by, as "x86_64-linux-gnu-gcc-12"
  std::vector<std::string> arguments;  // the words after the compiler
};

// `words` are a compiler and its arguments as the user wrote them; `masquerade` says that hpcc was
// called through a symlink by the compiler's name. Other caches and distributors (ccache, sccache,
// distcc, icecc, …) are passed over, both as words in front of the compiler and as symlinks on
// PATH. NotFound when there is no such program, InvalidArgument when there are no words.
absl::StatusOr<FoundCompiler> FindCompiler(FileSystem& fs, const Environment& environment,
                                           const std::vector<std::string>& words, bool masquerade);

}  // namespace hpcc

#endif  // HPCC_CLIENT_COMPILER_SEARCH_H_
