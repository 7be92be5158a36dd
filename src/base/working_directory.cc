#include "base/working_directory.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace hpcc {

absl::Status SeparateWorkingDirectory() {
  if (unshare(CLONE_FS) != 0) return ErrnoStatus(errno, "unshare", "CLONE_FS");
  return absl::OkStatus();
}

absl::Status EnterDirectory(const Descriptor& directory) {
  if (fchdir(directory.get()) != 0) return ErrnoStatus(errno, "fchdir", "");
  return absl::OkStatus();
}

absl::Status EnterDirectory(const std::string& path) {
  if (chdir(path.c_str()) != 0) return ErrnoStatus(errno, "chdir", path);
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> OpenWorkingDirectory() {
  Descriptor descriptor(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid()) return ErrnoStatus(errno, "open", ".");
  return descriptor;
}

}  // namespace hpcc
