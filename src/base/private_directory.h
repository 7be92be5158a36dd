#ifndef HPCC_BASE_PRIVATE_DIRECTORY_H_
#define HPCC_BASE_PRIVATE_DIRECTORY_H_

// Places nobody but this user can look into or put anything.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

// OK when `path` is a directory, no symlink, owned by this process's user and closed to all others
// (root aside). NotFound when there is nothing; else FailedPrecondition, saying what is wrong.
absl::Status CheckPrivateDirectory(const std::string& path);

// The same for a regular file.
absl::Status CheckPrivateFile(const std::string& path);

// `size` bytes from the kernel, for secrets.
absl::StatusOr<std::string> SecretBytes(size_t size);

}  // namespace hpcc

#endif  // HPCC_BASE_PRIVATE_DIRECTORY_H_
