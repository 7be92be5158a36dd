#include "agent/open_within.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/path.h"
#include "base/status.h"

namespace hpcc {

namespace {
constexpr int kMostUnmounted = 1000;
constexpr std::chrono::milliseconds kBetweenWalks{1};
}  // namespace

absl::StatusOr<Descriptor> OpenWithin(int root, const std::string& path, int flags,
                                      LinksOnTheWay links, uint32_t mode) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (links == LinksOnTheWay::kRefused) how.resolve |= RESOLVE_NO_SYMLINKS;
  for (int unmounted = 0;;) {
    const long file = syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    if (file >= 0) return Descriptor(static_cast<int>(file));
    // A mount on the way went while the path was walked, as those of a command do when the world it
    // had ends: the next walk does without it.
    if (errno == EXDEV && ++unmounted < kMostUnmounted) {
      std::this_thread::sleep_for(kBetweenWalks);
      continue;
    }
    // EAGAIN: something was renamed meanwhile and the kernel can't say that the path stayed inside.
    if (errno != EINTR && errno != EAGAIN) return ErrnoStatus(errno, "open", path);
  }
}

absl::StatusOr<Descriptor> MakeDirectoriesWithin(int root, const std::string& path,
                                                 LinksOnTheWay links) {
  absl::StatusOr<Descriptor> directory = OpenWithin(root, path, O_PATH | O_DIRECTORY, links);
  if (directory.ok() || !absl::IsNotFound(directory.status()) || path == "/") return directory;
  absl::StatusOr<Descriptor> parent =
      MakeDirectoriesWithin(root, std::string(path::Dirname(path)), links);
  if (!parent.ok()) return parent;
  const std::string name(path::Basename(path));
  if (mkdirat(parent->get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "create directory", path);
  }
  return OpenWithin(root, path, O_PATH | O_DIRECTORY, links);
}

}  // namespace hpcc
