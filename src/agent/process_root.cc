#include "agent/process_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/path.h"
#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 5> kDevices = {"null", "zero", "full", "random", "urandom"};
// Covered while the root is built, and gone with the old root then.
constexpr char kBuildPlace[] = "/tmp";
constexpr char kRootOptions[] = "mode=0755,size=1m,nr_inodes=4096";

// A copy of the mounts at a path, attached nowhere yet.
struct DetachedTree {
  std::string target;  // in the new root
  bool directory = true;
  Descriptor tree;
};

absl::StatusOr<DetachedTree> Detach(const std::string& source, std::string target, bool directory,
                                    uint64_t attributes) {
  Descriptor tree(
      open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.valid()) return ErrnoStatus(errno, "take", source);
  mount_attr change{.attr_set = attributes};
  if (mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof(change)) != 0) {
    return ErrnoStatus(errno, "restrict", source);
  }
  return DetachedTree{.target = std::move(target), .directory = directory, .tree = std::move(tree)};
}

absl::StatusOr<std::vector<DetachedTree>> DetachAll(const ImageLayout& image) {
  std::vector<DetachedTree> trees;
  for (const ImagePart& part : image.parts) {
    if (part.kind == ImagePart::Kind::kLink) continue;
    HPCC_ASSIGN_OR_RETURN(DetachedTree tree,
                          Detach(part.source, StrCat(kAgentImageRoot, part.path),
                                 part.kind == ImagePart::Kind::kDirectory,
                                 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    trees.push_back(std::move(tree));
  }
  for (std::string_view name : kDevices) {
    HPCC_ASSIGN_OR_RETURN(DetachedTree tree, Detach(StrCat("/dev/", name), StrCat("/dev/", name),
                                                    false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    trees.push_back(std::move(tree));
  }
  return trees;
}

absl::Status MakeDirectories(const std::string& path) {
  if (path == kBuildPlace) return absl::OkStatus();
  HPCC_RETURN_IF_ERROR(MakeDirectories(std::string(path::Dirname(path))));
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "create directory", path);
  }
  return absl::OkStatus();
}

absl::Status Attach(const DetachedTree& tree) {
  const std::string place = kBuildPlace + tree.target;
  HPCC_RETURN_IF_ERROR(MakeDirectories(std::string(path::Dirname(place))));
  const bool made = tree.directory ? mkdir(place.c_str(), 0755) == 0
                                   : mknod(place.c_str(), S_IFREG | 0444, 0) == 0;
  if (!made) return ErrnoStatus(errno, "make a place for", tree.target);
  if (move_mount(tree.tree.get(), "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "mount", tree.target);
  }
  return absl::OkStatus();
}

absl::Status LinkParts(const ImageLayout& image) {
  for (const ImagePart& part : image.parts) {
    if (part.kind != ImagePart::Kind::kLink) continue;
    const std::string place = StrCat(kBuildPlace, kAgentImageRoot, part.path);
    HPCC_RETURN_IF_ERROR(MakeDirectories(std::string(path::Dirname(place))));
    if (symlink(part.source.c_str(), place.c_str()) != 0) {
      return ErrnoStatus(errno, "link", part.path);
    }
  }
  return absl::OkStatus();
}

absl::Status MountProc() {
  const std::string place = StrCat(kBuildPlace, "/proc");
  HPCC_RETURN_IF_ERROR(MakeDirectories(place));
  if (mount("proc", place.c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return ErrnoStatus(errno, "mount", "/proc");
  }
  return absl::OkStatus();
}

absl::Status Pivot() {
  if (chdir(kBuildPlace) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
      umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    return ErrnoStatus(errno, "change", "the root directory");
  }
  mount_attr attributes{.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof(attributes)) != 0) {
    return ErrnoStatus(errno, "make read-only", "the root directory");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterProcessRoot(const ImageLayout& image) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoStatus(errno, "make private", "the mounts");
  }
  HPCC_ASSIGN_OR_RETURN(const std::vector<DetachedTree> trees, DetachAll(image));
  if (mount("hpcc", kBuildPlace, "tmpfs", MS_NOSUID | MS_NODEV, kRootOptions) != 0) {
    return ErrnoStatus(errno, "mount", "a tmpfs");
  }
  for (const DetachedTree& tree : trees) HPCC_RETURN_IF_ERROR(Attach(tree));
  HPCC_RETURN_IF_ERROR(LinkParts(image));
  HPCC_RETURN_IF_ERROR(MountProc());
  HPCC_RETURN_IF_ERROR(MakeDirectories(StrCat(kBuildPlace, kAgentMountPoint)));
  HPCC_RETURN_IF_ERROR(Pivot());
  if (sethostname(kSandboxHostName.data(), kSandboxHostName.size()) != 0 ||
      setdomainname("", 0) != 0) {
    return ErrnoStatus(errno, "set", "the host name");
  }
  return absl::OkStatus();
}

}  // namespace hpcc
