// Run by tests as a command in a sandbox: tries what a command there must not be able to do, and
// uses up what it must not be able to use up. For each attempt it prints a line, "<what>: ok" or
// "<what>: <why not>".

#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

void Tell(const char* what, bool done) {
  std::printf("%s: %s\n", what, done ? "ok" : std::strerror(errno));
}

// Everything by which a program could become more than it is.
int Escape() {
  Tell("ptrace the first process", ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0);
  Tell("ptrace me", ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0);
  Tell("mount", mount("x", "/tmp", "tmpfs", 0, nullptr) == 0);
  Tell("remount", mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0);
  Tell("umount", umount2("/proc", MNT_DETACH) == 0);
  Tell("unshare", unshare(CLONE_NEWUSER) == 0);
  Tell("clone with namespaces",
       syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr) >= 0);
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  Tell("clone3", syscall(SYS_clone3, &arguments, sizeof(arguments)) >= 0);
  Tell("chroot", chroot("/tmp") == 0);
  Tell("setuid", setuid(0) == 0 && getuid() == 0 && geteuid() != 0);
  Tell("unix socket", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
  Tell("inet socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
  Tell("netlink socket", socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
  Tell("bpf", syscall(SYS_bpf, 0, nullptr, 0) >= 0);
  Tell("userfaultfd", syscall(SYS_userfaultfd, 0) >= 0);
  Tell("io_uring", syscall(SYS_io_uring_setup, 1, nullptr) >= 0);
  Tell("memfd_create", memfd_create("x", 0) >= 0);
  Tell("shared memory of no file",
       mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  Tell("keyctl", syscall(SYS_keyctl, 0, -3, 1) >= 0);
  Tell("fsopen", syscall(SYS_fsopen, "tmpfs", 0) >= 0);
  Tell("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, nullptr, 0) >= 0);
  Tell("ioctl to a terminal", syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x") >= 0);
  Tell("mknod", mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0)) == 0);
  Tell("lower the nice value", setpriority(PRIO_PROCESS, 0, -5) == 0);
  Tell("raise a limit", [] {
    const rlimit more{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    return setrlimit(RLIMIT_NPROC, &more) == 0;
  }());
  Tell("kill the first process", kill(1, SIGKILL) == 0 && kill(1, 0) != 0);
  return 0;
}

int OpenAll(char** paths) {
  for (; *paths != nullptr; ++paths) Tell(*paths, open(*paths, O_RDONLY) >= 0);
  return 0;
}

int WriteAll(char** paths) {
  for (; *paths != nullptr; ++paths) Tell(*paths, open(*paths, O_WRONLY | O_CREAT, 0600) >= 0);
  return 0;
}

int EatMemory() {
  constexpr size_t kPiece = size_t{8} << 20;
  for (;;) {
    void* piece = mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) return 3;
    std::memset(piece, 1, kPiece);
  }
}

int EatSharedMemory() {
  constexpr size_t kPiece = size_t{8} << 20;
  const int zero = open("/dev/zero", O_RDWR);
  for (;;) {
    void* piece = mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    if (piece == MAP_FAILED) return 3;
    std::memset(piece, 1, kPiece);
  }
}

// Uses some MiB for some seconds, without a wish for more.
int HoldMemory(const char* mebibytes, const char* seconds) {
  const std::string piece(static_cast<size_t>(std::atoi(mebibytes)) << 20, 'x');
  sleep(static_cast<unsigned>(std::atoi(seconds)));
  return piece.back() == 'x' ? 0 : 1;
}

// Ten processes with an equal part each: none is large.
int EatMemoryTogether() {
  for (int i = 0; i < 9; ++i) {
    if (fork() == 0) break;
  }
  for (std::vector<std::string> pieces;; usleep(1000)) pieces.emplace_back(size_t{1} << 20, 'x');
}

[[noreturn]] void ForkForEver() {
  for (;;) fork();
}

int EatDisk(const char* directory) {
  const std::string piece(size_t{1} << 20, 'x');
  for (int i = 0;; ++i) {
    const std::string path = std::string(directory) + "/file" + std::to_string(i / 64);
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || write(file, piece.data(), piece.size()) < 0) usleep(1000);
    close(file);
  }
}

int EatFiles(const char* directory) {
  for (int i = 0;; ++i) {
    const std::string path = std::string(directory) + "/" + std::to_string(i);
    const int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    if (file < 0) usleep(1000);
    close(file);
  }
}

[[noreturn]] void Spin() {
  for (volatile unsigned counter = 0;;) counter = counter + 1;
}

int Shout() {
  const std::string piece(size_t{64} << 10, 'x');
  while (write(1, piece.data(), piece.size()) > 0) {
  }
  return 1;
}

// Leaves a process behind that has everything it inherited open, and ends.
int LeaveBehind() {
  if (fork() == 0) {
    setsid();
    sleep(600);
  }
  std::printf("left\n");
  return 0;
}

// As a compiler of nothing but bytes would: reads a source, writes an object.
int Translate(const char* source, const char* object) {
  std::FILE* in = std::fopen(source, "rb");
  std::FILE* out = in == nullptr ? nullptr : std::fopen(object, "wb");
  if (out == nullptr) {
    std::perror("translate");
    return 1;
  }
  std::fputs("object of ", out);
  for (int c; (c = std::fgetc(in)) != EOF;) std::fputc(c, out);
  std::fclose(in);
  return std::fclose(out) == 0 ? 0 : 1;
}

int IgnoreSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
  std::printf("ready\n");
  std::fflush(stdout);
  for (;;) pause();
}

void TellNames(const char* directory) {
  std::printf("%s:", directory);
  DIR* stream = opendir(directory);
  while (const dirent* entry = stream == nullptr ? nullptr : readdir(stream)) {
    if (entry->d_name[0] != '.') std::printf(" %s", entry->d_name);
  }
  std::printf("\n");
}

// In an agent's place, as the first process of a virtual machine: what there is beyond all that the
// agent takes from a command. Told on the console.
[[noreturn]] void TellOfMachine() {
  mount("proc", "/proc", "proc", 0, nullptr);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);
  Tell("inet socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
  Tell("inet6 socket", socket(AF_INET6, SOCK_DGRAM, 0) >= 0);
  Tell("packet socket", socket(AF_PACKET, SOCK_RAW, 0) >= 0);
  Tell("unix socket", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
  Tell("write to the root", open("/new", O_WRONLY | O_CREAT, 0600) >= 0);
  Tell("remount the root", mount(nullptr, "/", nullptr, MS_REMOUNT, nullptr) == 0);
  Tell("write to its disk", pwrite(open("/dev/vda", O_RDWR), "x", 1, 0) == 1);
  Tell("load a module", syscall(SYS_init_module, "", 0, "") == 0);
  TellNames("/sys/class/net");
  TellNames("/sys/bus/pci/devices");
  TellNames("/sys/block");
  std::fflush(stdout);
  reboot(RB_AUTOBOOT);
  _exit(1);
}

int Run(std::string_view what, char** rest) {
  if (what == "escape") return Escape();
  if (what == "open") return OpenAll(rest);
  if (what == "write") return WriteAll(rest);
  if (what == "eat-memory") return EatMemory();
  if (what == "eat-memory-together") return EatMemoryTogether();
  if (what == "hold-memory") return HoldMemory(rest[0], rest[1]);
  if (what == "eat-shared-memory") return EatSharedMemory();
  if (what == "fork") ForkForEver();
  if (what == "eat-disk") return EatDisk(*rest);
  if (what == "eat-files") return EatFiles(*rest);
  if (what == "spin") Spin();
  if (what == "shout") return Shout();
  if (what == "leave-behind") return LeaveBehind();
  if (what == "ignore-signals") return IgnoreSignals();
  if (what == "translate") return Translate(rest[0], rest[1]);
  if (what == "abort") std::abort();
  if (what == "--process") return IgnoreSignals();  // as an agent that never answers
  std::fprintf(stderr, "sandbox_probe: unknown attempt\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (getpid() == 1 && argc < 2) TellOfMachine();
  return argc < 2 ? 2 : Run(argv[1], argv + 2);
}
