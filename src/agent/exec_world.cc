#include "agent/exec_world.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

FailedStep Failed(std::string step) {
  return FailedStep{.step = std::move(step), .error = errno};
}

// Mounts copied from the agent's are as read-only as those.
bool Bind(const std::string& from, const std::string& to) {
  return mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
}

FailedStep BindImage(const SupervisorSettings& settings) {
  for (const ImagePart& part : settings.image.parts) {
    if (part.kind == ImagePart::Kind::kLink) continue;
    if (!Bind(settings.image_root + part.path, settings.mount_point + part.path)) {
      return Failed(StrCat("mount ", part.path));
    }
  }
  if (!Bind("/dev", settings.mount_point + "/dev")) return Failed("mount /dev");
  const std::string proc = settings.mount_point + "/proc";
  if (mount("proc", proc.c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
            "hidepid=2,subset=pid") != 0) {
    return Failed("mount /proc");
  }
  return {};
}

// The new root over the old one, and then the old one away from under it (pivot_root(2)).
bool Pivot(const std::string& mount_point) {
  return chdir(mount_point.c_str()) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
         umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

bool IsBelowAny(const std::string& path, const std::vector<std::string>& directories) {
  for (const std::string& directory : directories) {
    if (path != directory && path::IsBelow(path, directory)) return true;
  }
  return false;
}

}  // namespace

FailedStep EnterExecWorld(const SupervisorSettings& settings, const Descriptor& stage) {
  if (move_mount(stage.get(), "", AT_FDCWD, settings.mount_point.c_str(),
                 MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return Failed("mount the stage");
  }
  if (FailedStep step = BindImage(settings); step.failed()) return step;
  if (!Pivot(settings.mount_point)) return Failed("change the root");
  return {};
}

// A directory that is a mount of its own stays writable when the mount it lies in no longer is.
FailedStep CloseExecWorld(const std::vector<std::string>& writable) {
  for (const std::string& path : writable) {
    if (IsBelowAny(path, writable)) continue;
    if (!Bind(path, path)) return Failed(StrCat("mount ", path));
  }
  mount_attr attributes{.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof(attributes)) != 0) {
    return Failed("make the root read-only");
  }
  return {};
}

}  // namespace hpcc
