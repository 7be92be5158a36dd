#ifndef HPCC_CONFIG_RUNTIME_DIRECTORY_H_
#define HPCC_CONFIG_RUNTIME_DIRECTORY_H_

// Where the programs of one user meet: a directory of the user's own, for sockets and marks.

#include <string>

#include "absl/status/status.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"

namespace hpcc {

// $HPCC_RUNTIME_DIR, else $XDG_RUNTIME_DIR/hpcc, else "daemon" in the local directory.
std::string RuntimeDirectory(const Config& config, const Environment& environment);

// Makes the directory, mode 0700. FailedPrecondition: what is there isn't a directory of this user
// alone, and what to do about it.
absl::Status PrepareRuntimeDirectory(FileSystem& fs, const std::string& directory);

}  // namespace hpcc

#endif  // HPCC_CONFIG_RUNTIME_DIRECTORY_H_
