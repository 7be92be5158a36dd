#include "agent/guest_machine.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMostCommandLineBytes = 4096;

absl::Status MountNew(const char* type, const char* place) {
  if (mount(type, place, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return ErrnoStatus(errno, "mount", place);
  }
  return absl::OkStatus();
}

// Files of /proc have no size.
absl::StatusOr<std::string> ReadProc(const char* path) {
  const Descriptor file(open(path, O_RDONLY | O_CLOEXEC));
  char text[kMostCommandLineBytes];
  const ssize_t got = file.valid() ? read(file.get(), text, sizeof(text)) : -1;
  if (got < 0) return ErrnoStatus(errno, "read", path);
  return std::string(text, static_cast<size_t>(got));
}

absl::Status WriteFile(const char* path, std::string_view text) {
  const Descriptor file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), text.data(), text.size()) < 0) {
    return ErrnoStatus(errno, "write", path);
  }
  return absl::OkStatus();
}

absl::Status SetClock(int64_t time_ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  if (time_ns < 0) return absl::InvalidArgumentError("health: a time before 1970");
  const timespec time{.tv_sec = time_ns / kSecond, .tv_nsec = time_ns % kSecond};
  if (clock_settime(CLOCK_REALTIME, &time) != 0) return ErrnoStatus(errno, "set", "the clock");
  return absl::OkStatus();
}

// random(4).
absl::Status AddEntropy(std::string_view entropy) {
  if (entropy.size() > kMostEntropyBytes) {
    return absl::InvalidArgumentError("health: too much entropy");
  }
  const Descriptor random(open("/dev/urandom", O_RDWR | O_CLOEXEC));
  if (!random.valid()) return ErrnoStatus(errno, "open", "/dev/urandom");
  alignas(rand_pool_info) char buffer[sizeof(rand_pool_info) + kMostEntropyBytes];
  const rand_pool_info head{.entropy_count = static_cast<int>(entropy.size() * 8),
                            .buf_size = static_cast<int>(entropy.size())};
  std::memcpy(buffer, &head, sizeof(head));
  std::memcpy(buffer + sizeof(head), entropy.data(), entropy.size());
  if (ioctl(random.get(), RNDADDENTROPY, buffer) != 0) {
    return ErrnoStatus(errno, "add entropy to", "/dev/urandom");
  }
  // Without it the old key is used for up to a minute.
  if (ioctl(random.get(), RNDRESEEDCRNG) != 0) {
    return ErrnoStatus(errno, "reseed", "/dev/urandom");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VmGuestSetup> PrepareGuest() {
  HPCC_RETURN_IF_ERROR(MountNew("proc", "/proc"));
  HPCC_RETURN_IF_ERROR(MountNew("sysfs", "/sys"));
  // Inherited by the launcher and the supervisors; commands set their own.
  HPCC_RETURN_IF_ERROR(WriteFile("/proc/self/oom_score_adj", "-1000"));
  HPCC_ASSIGN_OR_RETURN(const std::string command_line, ReadProc("/proc/cmdline"));
  return DecodeGuestSetup(command_line);
}

absl::StatusOr<Descriptor> MakeCommandGroup(uint64_t memory_bytes) {
  constexpr char kGroup[] = "/sys/fs/cgroup/commands";
  HPCC_RETURN_IF_ERROR(MountNew("cgroup2", "/sys/fs/cgroup"));
  HPCC_RETURN_IF_ERROR(WriteFile("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
  if (mkdir(kGroup, 0755) != 0) return ErrnoStatus(errno, "create", kGroup);
  HPCC_RETURN_IF_ERROR(WriteFile("/sys/fs/cgroup/commands/memory.max", StrCat(memory_bytes)));
  HPCC_RETURN_IF_ERROR(WriteFile("/sys/fs/cgroup/commands/cgroup.subtree_control", "+memory"));
  Descriptor group(open(kGroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group.valid()) return ErrnoStatus(errno, "open", kGroup);
  return group;
}

absl::Status AdoptTimeAndEntropy(const agent_v1::HealthRequest& request) {
  if (!request.entropy().empty()) HPCC_RETURN_IF_ERROR(AddEntropy(request.entropy()));
  if (request.time_ns() != 0) HPCC_RETURN_IF_ERROR(SetClock(request.time_ns()));
  return absl::OkStatus();
}

void PowerOff() {
  sync();
  reboot(RB_AUTOBOOT);
  _exit(1);  // the first process's end is a panic, and that a reset
}

}  // namespace hpcc
