#include "agent/system_call_filter.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>

#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array kAllowed = {
    // files
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod",
    "fchmodat", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
    "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64",
    "getxattr", "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lseek",
    "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2",
    "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir",
    "sendfile", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range",
    "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes",
    "write", "writev",
    // memory
    "brk", "get_mempolicy", "madvise", "mincore", "mlock", "mprotect", "mremap", "msync", "munlock",
    "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
    // programs, threads and signals
    "arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_waitv",
    "get_robust_list", "get_thread_area", "getegid", "geteuid", "getgid", "getgroups", "getpgid",
    "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit",
    "getrusage", "getsid", "gettid", "getuid", "kill", "membarrier", "pause", "prlimit64",
    "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_setaffinity", "sched_yield", "set_robust_list", "set_thread_area",
    "set_tid_address", "setpgid", "setpriority", "setrlimit", "setsid", "sigaltstack", "tgkill",
    "tkill", "vfork", "wait4", "waitid", "pidfd_open", "pidfd_send_signal",
    // waiting and time
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getitimer",
    "gettimeofday", "nanosleep", "poll", "ppoll", "pselect6", "select", "setitimer", "signalfd",
    "signalfd4", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
    "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
    // the machine
    "getcpu", "getrandom", "sysinfo", "uname"};

// What a program could hope for and is told that it may not.
constexpr std::array kForbidden = {
    // privileges, namespaces, the kernel's own
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "ptrace",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "capset",
    "socket",
    "socketpair",
    "connect",
    "bind",
    "bpf",
    "keyctl",
    "add_key",
    "request_key",
    "perf_event_open",
    "sethostname",
    "setdomainname",
    "reboot",
    "swapon",
    "swapoff",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "process_vm_readv",
    "process_vm_writev",
    "open_by_handle_at",
    "name_to_handle_at",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "mount_setattr",
    "userfaultfd",
    "io_uring_setup",
    "seccomp",
    "shmget",
    "msgget",
    "semget",
    "mq_open",
    "acct",
    "iopl",
    "ioperm",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "quotactl",
    "syslog",
    "memfd_create"};

constexpr std::array<unsigned long, 8> kAllowedIoctls = {TCGETS,  TIOCGWINSZ, TIOCGPGRP, FIONREAD,
                                                         FIONBIO, FIOCLEX,    FIONCLEX,  FIOASYNC};
// PR_GET_DUMPABLE and others that only say something, and those that change what is the caller's.
constexpr std::array<int, 9> kAllowedPrctls = {
    PR_SET_NAME,         PR_GET_NAME,         PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE,
    PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP,   PR_CAPBSET_READ};
constexpr unsigned long kNewNamespaces = 0x7E020080;  // every CLONE_NEW* flag, linux/sched.h

class Builder {
 public:
  Builder() : context_(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), seccomp_release) {}

  bool valid() const { return context_ != nullptr && result_ == 0; }

  void Rule(uint32_t action, const char* name,
            std::initializer_list<scmp_arg_cmp> conditions = {}) {
    const int number = seccomp_syscall_resolve_name(name);
    // One that this machine's architecture doesn't have can't be called.
    if (number == __NR_SCMP_ERROR || number < 0) return;
    const int result =
        seccomp_rule_add_array(context_.get(), action, number,
                               static_cast<unsigned>(conditions.size()), conditions.begin());
    if (result != 0) result_ = result;
  }

  absl::StatusOr<std::vector<sock_filter>> Export() {
    // A binary tree instead of a list: the filter runs on every call.
    seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    const Descriptor file(memfd_create("filter", MFD_CLOEXEC));
    if (!file.valid()) return ErrnoStatus(errno, "create", "a file in memory");
    if (const int result = seccomp_export_bpf(context_.get(), file.get()); result != 0) {
      return ErrnoStatus(-result, "make", "the system call filter");
    }
    HPCC_ASSIGN_OR_RETURN(const std::string bytes, ReadDescriptor(file, 1 << 20));
    std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
    bytes.copy(reinterpret_cast<char*>(program.data()), program.size() * sizeof(sock_filter));
    return program;
  }

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
  int result_ = 0;
};

void AddRules(Builder& builder) {
  for (const char* name : kAllowed) builder.Rule(SCMP_ACT_ALLOW, name);
  for (const char* name : kForbidden) builder.Rule(SCMP_ACT_ERRNO(EPERM), name);
  for (unsigned long request : kAllowedIoctls) {
    builder.Rule(SCMP_ACT_ALLOW, "ioctl", {SCMP_A1(SCMP_CMP_EQ, request)});
  }
  for (int option : kAllowedPrctls) {
    builder.Rule(SCMP_ACT_ALLOW, "prctl", {SCMP_A0(SCMP_CMP_EQ, static_cast<uint64_t>(option))});
  }
  // Asking for the personality, and switching address randomisation off, as compilers do for
  // precompiled headers.
  for (unsigned long persona : {0xffffffffUL, 0UL, static_cast<unsigned long>(ADDR_NO_RANDOMIZE)}) {
    builder.Rule(SCMP_ACT_ALLOW, "personality", {SCMP_A0(SCMP_CMP_EQ, persona)});
  }
  // Memory that no process's size shows once it is no longer mapped would be memory that nobody
  // counts: there is none without a file.
  constexpr uint64_t kSharedAnonymous = MAP_SHARED | MAP_ANONYMOUS;
  for (uint64_t allowed : {0, MAP_SHARED, MAP_ANONYMOUS}) {
    builder.Rule(SCMP_ACT_ALLOW, "mmap", {SCMP_A3(SCMP_CMP_MASKED_EQ, kSharedAnonymous, allowed)});
  }
  builder.Rule(SCMP_ACT_ERRNO(EPERM), "mmap",
               {SCMP_A3(SCMP_CMP_MASKED_EQ, kSharedAnonymous, kSharedAnonymous)});
  // Flags of clone3 lie in memory, where no filter can look: it doesn't exist, and libraries fall
  // back to clone.
  builder.Rule(SCMP_ACT_ALLOW, "clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, kNewNamespaces, 0)});
}

}  // namespace

absl::StatusOr<SystemCallFilter> SystemCallFilter::Make() {
  Builder builder;
  if (builder.valid()) AddRules(builder);
  if (!builder.valid()) return absl::InternalError("the system call filter can't be made");
  SystemCallFilter filter;
  HPCC_ASSIGN_OR_RETURN(filter.program_, builder.Export());
  if (filter.program_.empty() || filter.program_.size() > BPF_MAXINSNS) {
    return absl::InternalError("the system call filter has an impossible length");
  }
  return filter;
}

bool SystemCallFilter::Install() const {
  const sock_fprog program{.len = static_cast<unsigned short>(program_.size()),
                           .filter = const_cast<sock_filter*>(program_.data())};
  return prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, &program) == 0;
}

}  // namespace hpcc
