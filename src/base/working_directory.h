#ifndef HPCC_BASE_WORKING_DIRECTORY_H_
#define HPCC_BASE_WORKING_DIRECTORY_H_

// A working directory per thread, so that a daemon can look at a caller's relative paths exactly as
// the caller's compiler would.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// Gives the calling thread a working directory (and umask) of its own for the rest of its life;
// until then threads share the process's. Children it starts inherit it.
absl::Status SeparateWorkingDirectory();

// Changes the working directory of the calling thread, which has separated its own.
absl::Status EnterDirectory(const Descriptor& directory);
absl::Status EnterDirectory(const std::string& path);

// The current directory as a descriptor that only names it.
absl::StatusOr<Descriptor> OpenWorkingDirectory();

}  // namespace hpcc

#endif  // HPCC_BASE_WORKING_DIRECTORY_H_
