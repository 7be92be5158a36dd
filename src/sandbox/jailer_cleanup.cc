#include "sandbox/jailer_cleanup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/file_system.h"
#include "base/path.h"
#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/jailer_command.h"

namespace hpcc {

namespace {

using Names = std::vector<std::string>;

constexpr int kDeathMilliseconds = 5'000;
constexpr size_t kMountPointField = 4;
constexpr char kCgroups[] = "/sys/fs/cgroup";
// The kernel takes a group's processes out of it a moment after they have ended.
constexpr int kRemovals = 50;
constexpr std::chrono::milliseconds kBetweenRemovals{20};

// Blanks and backslashes of a path are written as \ooo.
std::string Unescaped(std::string_view text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size()) {
      const char* const begin = text.data() + i + 1;
      const auto [end, error] = std::from_chars(begin, begin + 3, value, 8);
      if (error == std::errc() && end == begin + 3) {
        path.push_back(static_cast<char>(value));
        i += 3;
        continue;
      }
    }
    path.push_back(text[i]);
  }
  return path;
}

std::string MountInfo() {
  std::ifstream file("/proc/self/mountinfo");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void RemoveGroup(const std::string& path) {
  for (int i = 0; i < kRemovals; ++i) {
    if (rmdir(path.c_str()) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(kBetweenRemovals);
  }
}

}  // namespace

std::vector<std::string> MountPointsBelow(std::string_view mountinfo, std::string_view directory) {
  std::vector<std::string> points;
  for (const std::string_view line : StrSplit(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(line, ' ');
    if (fields.size() <= kMountPointField) continue;
    std::string point = Unescaped(fields[kMountPointField]);
    if (path::IsBelow(point, directory)) points.push_back(std::move(point));
  }
  std::reverse(points.begin(), points.end());
  return points;
}

absl::Status UnmountBelow(const std::string& directory) {
  for (const std::string& point : MountPointsBelow(MountInfo(), directory)) {
    if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, "unmount", point);
    }
  }
  if (!MountPointsBelow(MountInfo(), directory).empty()) {
    return absl::FailedPreconditionError(StrCat(directory, ": something is still mounted in it"));
  }
  return absl::OkStatus();
}

std::optional<uint32_t> UserOfProcess(pid_t process) {
  std::ifstream status(StrCat("/proc/", process, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    uint32_t user = 0;
    if (line.starts_with("Uid:") && std::istringstream(line.substr(4)) >> user) return user;
  }
  return std::nullopt;
}

std::vector<pid_t> ProcessesRootedAt(int root) {
  std::vector<pid_t> processes;
  struct stat wanted;
  if (fstat(root, &wanted) != 0) return processes;
  for (const std::string& name : FileSystem::Real().List("/proc").value_or(Names())) {
    pid_t process = 0;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data(), end, process).ptr != end) continue;
    struct stat stat;
    if (::stat(StrCat("/proc/", name, "/root").c_str(), &stat) == 0 &&
        stat.st_dev == wanted.st_dev && stat.st_ino == wanted.st_ino) {
      processes.push_back(process);
    }
  }
  return processes;
}

absl::Status KillProcessOf(pid_t process, uint32_t user) {
  const Descriptor held(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  // Held, the number is nobody else's any more: now it can be asked whose it is.
  if (!held.valid() || UserOfProcess(process) != user) return absl::OkStatus();
  syscall(SYS_pidfd_send_signal, held.get(), SIGKILL, nullptr, 0);
  pollfd ended{held.get(), POLLIN, 0};
  int ready;
  while ((ready = poll(&ended, 1, kDeathMilliseconds)) < 0 && errno == EINTR) {
  }
  if (ready > 0) return absl::OkStatus();
  return absl::DeadlineExceededError(StrCat("process ", process, " of a jail doesn't end"));
}

void RemoveJailCgroups(std::string_view id) {
  const std::string group = StrCat("/", kJailParentCgroup, "/", id);
  RemoveGroup(kCgroups + group);
  for (const std::string& name : FileSystem::Real().List(kCgroups).value_or(Names())) {
    RemoveGroup(StrCat(kCgroups, "/", name, group));
  }
}

}  // namespace hpcc
