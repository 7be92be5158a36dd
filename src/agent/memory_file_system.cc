#include "agent/memory_file_system.h"

#include <sys/mount.h>

#include <cerrno>
#include <string>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

bool Set(const Descriptor& context, const char* key, const std::string& value) {
  return fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

bool SetSize(const Descriptor& context, uint64_t bytes, uint64_t files) {
  return Set(context, "size", StrCat(bytes)) && Set(context, "nr_inodes", StrCat(files));
}

}  // namespace

absl::StatusOr<Descriptor> MakeMemoryFileSystem(uint64_t bytes, uint64_t files) {
  const Descriptor context(fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context.valid()) return ErrnoStatus(errno, "open", "a tmpfs");
  if (!SetSize(context, bytes, files) || !Set(context, "mode", "0755") ||
      fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return ErrnoStatus(errno, "make", "a tmpfs");
  }
  Descriptor root(fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!root.valid()) return ErrnoStatus(errno, "mount", "a tmpfs");
  return root;
}

absl::Status ResizeMemoryFileSystem(int root, uint64_t bytes, uint64_t files) {
  const Descriptor context(fspick(root, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (!context.valid() || !SetSize(context, bytes, files) ||
      fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0) {
    return ErrnoStatus(errno, "resize", "a tmpfs");
  }
  return absl::OkStatus();
}

}  // namespace hpcc
