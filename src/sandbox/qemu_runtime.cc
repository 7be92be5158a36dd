#include "sandbox/qemu_runtime.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/logging.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/qemu_sandbox.h"
#include "sandbox/sandbox_spec.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds Left(steady_clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

// What a worker that was killed left there goes.
absl::Status EmptyDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "create directory", path);
  }
  HPCC_RETURN_IF_ERROR(CheckPrivateDirectory(path));
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(path, failed)) {
    std::filesystem::remove_all(entry.path(), failed);
    if (failed) break;
  }
  if (failed) return absl::InternalError(StrCat("cannot empty ", path, ": ", failed.message()));
  return absl::OkStatus();
}

}  // namespace

QemuRuntime::QemuRuntime(QemuRuntimeOptions options) : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<QemuRuntime>> QemuRuntime::Make(QemuRuntimeOptions options) {
  if (access(options.program.c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        StrCat("vm: there is no QEMU at ", options.program, " (Debian: qemu-system-x86)"));
  }
  HPCC_ASSIGN_OR_RETURN(Descriptor kernel, LoadGuestKernel(options.kernel));
  HPCC_RETURN_IF_ERROR(EmptyDirectory(options.directory));
  std::unique_ptr<QemuRuntime> runtime(new QemuRuntime(std::move(options)));
  QemuHost& host = runtime->host_;
  host = {.program = runtime->options_.program,
          .directory = runtime->options_.directory,
          .kernel = std::make_shared<Descriptor>(std::move(kernel)),
          .tsc_khz = TscKilohertz()};
  if (!runtime->options_.templates && runtime->options_.vsock != nullptr &&
      runtime->options_.vsock->Works()) {
    host.vsock = runtime->options_.vsock;
  }
  // The device alone says nothing: a guest has to have run on it.
  host.kvm = runtime->options_.try_kvm && access("/dev/kvm", F_OK) == 0;
  if (host.kvm && !GuestRuns(host)) {
    host.kvm = false;
    Log(LogLevel::kWarning, "vm: no guest runs on /dev/kvm here; machines are emulated (TCG)");
  }
  return runtime;
}

std::string_view QemuRuntime::isolation() const {
  return host_.kvm ? kQemuKvm : kQemuTcg;
}

uint64_t QemuRuntime::MemoryBytes(const SandboxSpec& spec) const {
  return GuestMemoryBytes(spec) + kQemuOwnMemory;
}

absl::StatusOr<std::unique_ptr<Sandbox>> QemuRuntime::Start(const SandboxSpec& spec,
                                                            milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  HPCC_RETURN_IF_ERROR(CheckMachineSpec(spec));
  HPCC_ASSIGN_OR_RETURN(PreparedRoot root, options_.find_root(spec.image));
  QemuSandbox::Parts parts{.spec = spec, .host = host_, .hold_root = std::move(root.hold)};
  parts.root = Descriptor(open(root.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!parts.root.valid()) return ErrnoStatus(errno, "open", root.path);
  HPCC_ASSIGN_OR_RETURN(MachineDirectory directory,
                        MachineDirectory::Make(host_.directory, spec.id));
  parts.directory = std::make_unique<MachineDirectory>(std::move(directory));

  std::shared_ptr<const QemuTemplate> from;
  if (options_.templates) {
    HPCC_ASSIGN_OR_RETURN(from, templates_.Get(host_, spec, parts.root.get(), Left(end)));
  }
  auto sandbox = std::make_unique<QemuSandbox>(std::move(parts));
  HPCC_RETURN_IF_ERROR(sandbox->Start(std::move(from), Left(end)));
  return sandbox;
}

}  // namespace hpcc
