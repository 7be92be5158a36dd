#include "agent/unprivileged.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/posix_descriptor.h"
#include "base/strings.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

constexpr uint64_t kOpenFiles = 4'096;
constexpr uint64_t kStackBytes = uint64_t{512} << 20;
constexpr uint64_t kLockedBytes = 64 << 10;
constexpr int kNice = 5;
constexpr char kOutOfMemoryScore[] = "500";
// The supervisor counts tasks, memory and time itself, and says what was exceeded; these limits lie
// beyond and are for the moment between two of its looks.
constexpr uint64_t kMoreTasks = 64;
constexpr uint64_t kTasksOfOthers = 4'096;
constexpr uint64_t kMoreSeconds = 5;
constexpr uint64_t kLeastAddressSpace = uint64_t{8} << 30;

FailedStep Failed(const char* step) {
  return FailedStep{.step = step, .error = errno};
}

// Lowers both limits; a hard limit that is lower already stays.
bool Limit(__rlimit_resource resource, uint64_t value) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0) return false;
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, value);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_cur, limit.rlim_max);
  if (resource != RLIMIT_STACK) limit.rlim_cur = limit.rlim_max;
  return setrlimit(resource, &limit) == 0;
}

bool DropBoundingSet() {
  for (int capability = 0; capability <= 63; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno == EINVAL;
  }
  return true;
}

bool DropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

bool WriteOwn(const char* file, std::string_view text) {
  const Descriptor own(open(file, O_WRONLY | O_CLOEXEC));
  return own.valid() && write(own.get(), text.data(), text.size()) == ssize_t(text.size());
}

bool EnterOwnUserNamespace(const ExecIdentity& identity) {
  return unshare(CLONE_NEWUSER) == 0 &&
         WriteOwn("/proc/self/uid_map", StrCat(identity.user, " ", identity.user, " 1")) &&
         WriteOwn("/proc/self/setgroups", "deny") &&
         WriteOwn("/proc/self/gid_map", StrCat(identity.group, " ", identity.group, " 1"));
}

// The kernel counts tasks by their id, which may be others', too; but a user namespace counts its
// own (user_namespaces(7), since Linux 5.14), beside a limit that all share.
bool CountOwnTasks(const ExecOwner& owner) {
  if (owner.own_identity) return true;
  return Limit(RLIMIT_NPROC, kExecProcessesMost + kMoreTasks + kTasksOfOthers) &&
         EnterOwnUserNamespace(owner.identity);
}

// An id that a user namespace maps to nothing but itself is no root, whatever its number.
constexpr unsigned long kSecureBits =
    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

FailedStep LimitAhead(const ExecOwner& owner) {
  if (!Limit(RLIMIT_CORE, 0) || !Limit(RLIMIT_NOFILE, kOpenFiles) ||
      !Limit(RLIMIT_STACK, kStackBytes) || !Limit(RLIMIT_MEMLOCK, kLockedBytes) ||
      !Limit(RLIMIT_MSGQUEUE, 0) || !CountOwnTasks(owner)) {
    return Failed("limit resources");
  }
  // A worker that is itself lower than that keeps its commands there: nobody may raise a priority.
  if (getpriority(PRIO_PROCESS, 0) < kNice && setpriority(PRIO_PROCESS, 0, kNice) != 0) {
    return Failed("lower the priority");
  }
  const Descriptor score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!score.valid() || write(score.get(), kOutOfMemoryScore, sizeof(kOutOfMemoryScore) - 1) < 0) {
    return Failed("be first when memory runs out");
  }
  return {};
}

}  // namespace

FailedStep LimitResources(const ExecBounds& bounds) {
  const uint64_t seconds = static_cast<uint64_t>(bounds.cpu.count()) / 1000 + kMoreSeconds;
  const uint64_t address_space = std::max(kLeastAddressSpace, 4 * bounds.memory_bytes);
  if (!Limit(RLIMIT_NPROC, bounds.processes + kMoreTasks) || !Limit(RLIMIT_CPU, seconds) ||
      !Limit(RLIMIT_AS, address_space) ||
      (bounds.file_bytes != 0 && !Limit(RLIMIT_FSIZE, bounds.file_bytes))) {
    return Failed("limit resources");
  }
  return {};
}

FailedStep DropPrivileges(const ExecOwner& owner, const SystemCallFilter& filter) {
  if (FailedStep failed = LimitAhead(owner); failed.failed()) return failed;
  const ExecIdentity& identity = owner.identity;
  if (!DropBoundingSet() || prctl(PR_SET_SECUREBITS, kSecureBits, 0, 0, 0) != 0) {
    return Failed("give up capabilities");
  }
  // With one id only, the kernel lets nobody set groups, and there are none to give up.
  if (owner.own_identity && setgroups(0, nullptr) != 0) return Failed("give up groups");
  if (setresgid(identity.group, identity.group, identity.group) != 0 ||
      setresuid(identity.user, identity.user, identity.user) != 0) {
    return Failed("change ids");
  }
  if (!DropCapabilities()) return Failed("drop capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("forgo new privileges");
  if (!filter.Install()) return Failed("filter system calls");
  return {};
}

}  // namespace hpcc
