#include "base/private_directory.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr mode_t kOthers = 077;

absl::Status CheckPrivate(const std::string& path, mode_t type, std::string_view what) {
  struct stat stat;
  if (lstat(path.c_str(), &stat) != 0) return ErrnoStatus(errno, "look at", path);
  const auto wrong = [&](std::string_view reason) {
    return absl::FailedPreconditionError(StrCat(path, ": ", reason));
  };
  if ((stat.st_mode & S_IFMT) != type) return wrong(StrCat("is not ", what));
  if (stat.st_uid != geteuid()) return wrong("belongs to another user");
  if ((stat.st_mode & kOthers) != 0) return wrong("is open to other users; chmod go= it");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPrivateDirectory(const std::string& path) {
  return CheckPrivate(path, S_IFDIR, "a directory");
}

absl::Status CheckPrivateFile(const std::string& path) {
  return CheckPrivate(path, S_IFREG, "a regular file");
}

absl::StatusOr<std::string> SecretBytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size;) {
    const ssize_t got = getrandom(bytes.data() + done, size - done, 0);
    if (got < 0 && errno != EINTR) return ErrnoStatus(errno, "getrandom", "");
    if (got > 0) done += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace hpcc
