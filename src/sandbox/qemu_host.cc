#include "sandbox/qemu_host.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <x86intrin.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint64_t kMaxKernelBytes = uint64_t{256} << 20;
constexpr milliseconds kMeasure{50};
constexpr milliseconds kProbe{10'000};
constexpr milliseconds kBetweenLooks{10};
constexpr size_t kNoRootBytes = 4096;

absl::StatusOr<Descriptor> FileInMemory(const char* name) {
  Descriptor file(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return ErrnoStatus(errno, "create", "a file in memory");
  return file;
}

struct Moment {
  uint64_t ticks = 0;
  steady_clock::time_point time;
};

// Of several tries the one that was least interrupted: a guest whose clock is told a wrong rate
// runs at a wrong speed.
Moment ReadBothClocks() {
  constexpr int kTries = 50;
  Moment best;
  uint64_t shortest = ~uint64_t{0};
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = __rdtsc();
    const auto time = steady_clock::now();
    const uint64_t took = __rdtsc() - before;
    if (took >= shortest) continue;
    shortest = took;
    best = {.ticks = before + took / 2, .time = time};
  }
  return best;
}

}  // namespace

absl::StatusOr<Descriptor> LoadGuestKernel(const std::string& path) {
  const Descriptor source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.valid() && errno == ENOENT) {
    return absl::NotFoundError(StrCat("vm: there is no guest kernel at ", path,
                                      " (scripts/build-guest-kernel.sh builds one)"));
  }
  struct stat facts;
  if (!source.valid() || fstat(source.get(), &facts) != 0) return ErrnoStatus(errno, "open", path);
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (!S_ISREG(facts.st_mode) || size == 0 || size > kMaxKernelBytes) {
    return absl::InvalidArgumentError(StrCat("vm: ", path, " is no guest kernel"));
  }
  HPCC_ASSIGN_OR_RETURN(Descriptor kernel, FileInMemory("guest-kernel"));
  for (off_t offset = 0; offset < facts.st_size;) {
    const ssize_t sent = sendfile(kernel.get(), source.get(), &offset, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return ErrnoStatus(sent < 0 ? errno : EIO, "read", path);
  }
  if (fcntl(kernel.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
      0) {
    return ErrnoStatus(errno, "seal", "the guest kernel");
  }
  return kernel;
}

bool GuestRuns(const QemuHost& host) {
  const absl::StatusOr<MachineDirectory> directory =
      MachineDirectory::Make(host.directory, "probe");
  const absl::StatusOr<Descriptor> no_root = FileInMemory("no-root");
  if (!directory.ok() || !no_root.ok() || ftruncate(no_root->get(), kNoRootBytes) != 0)
    return false;
  QemuLaunch launch = LaunchFor(host, {.id = "probe", .memory_bytes = 64 << 20});
  launch.directory = directory->path();
  launch.root = no_root->get();
  const absl::StatusOr<std::unique_ptr<QemuProcess>> qemu = QemuProcess::Launch(launch, kProbe);
  if (!qemu.ok()) return false;
  WatchedProcess& process = (*qemu)->process();
  const auto end = steady_clock::now() + kProbe;
  while (process.alive() && steady_clock::now() < end) std::this_thread::sleep_for(kBetweenLooks);
  return !process.alive() && StrContains(process.Said(), "Kernel panic - not syncing: VFS");
}

uint64_t TscKilohertz() {
  static const uint64_t measured = [] {
    const Moment first = ReadBothClocks();
    std::this_thread::sleep_for(kMeasure);
    const Moment last = ReadBothClocks();
    const std::chrono::nanoseconds passed = last.time - first.time;
    if (last.ticks <= first.ticks || passed.count() <= 0) return uint64_t{0};
    return (last.ticks - first.ticks) * 1'000'000 / static_cast<uint64_t>(passed.count());
  }();
  return measured;
}

QemuLaunch LaunchFor(const QemuHost& host, const SandboxSpec& spec) {
  QemuLaunch launch{.program = host.program, .id = spec.id, .kernel = host.kernel->get()};
  launch.machine.kvm = host.kvm;
  launch.machine.cpus = spec.cpus;
  launch.machine.memory_bytes = GuestMemoryBytes(spec);
  launch.machine.tsc_khz = host.kvm ? 0 : host.tsc_khz;
  launch.machine.guest = {.channel = VmGuestSetup::Channel::kSerial,
                          .memory_bytes = spec.memory_bytes,
                          .blob_bytes = spec.blob_bytes};
  return launch;
}

absl::StatusOr<MachineDirectory> MachineDirectory::Make(const std::string& parent,
                                                        const std::string& id) {
  const std::string path = StrCat(parent, "/", id);
  if (mkdir(path.c_str(), 0700) != 0) return ErrnoStatus(errno, "create directory", path);
  return MachineDirectory(path);
}

MachineDirectory::~MachineDirectory() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hpcc
