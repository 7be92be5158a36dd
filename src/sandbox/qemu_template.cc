#include "sandbox/qemu_template.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

milliseconds Left(steady_clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

absl::StatusOr<Descriptor> FileInMemory(const char* name, uint64_t size) {
  Descriptor file(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid() || ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return ErrnoStatus(errno, "create", "a file in memory");
  }
  return file;
}

absl::StatusOr<std::shared_ptr<const QemuTemplate>> Make(const QemuHost& host,
                                                         const SandboxSpec& spec, int root,
                                                         milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  QemuLaunch launch = LaunchFor(host, spec);
  HPCC_ASSIGN_OR_RETURN(const MachineDirectory directory,
                        MachineDirectory::Make(host.directory, spec.id));
  auto made = std::make_shared<QemuTemplate>();
  HPCC_ASSIGN_OR_RETURN(made->memory, FileInMemory("guest-memory", launch.machine.memory_bytes));
  HPCC_ASSIGN_OR_RETURN(made->state, FileInMemory("guest-state", 0));
  launch.directory = directory.path();
  launch.root = root;
  launch.memory = made->memory.get();
  launch.machine.memory_kind = QemuMachine::Memory::kShared;
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<QemuProcess> qemu,
                        QemuProcess::Launch(launch, Left(end)));
  if (const absl::Status parked = qemu->Greet(AfterGreeting::kPark, Left(end)).status();
      !parked.ok()) {
    qemu->process().Kill();
    return absl::Status(parked.code(),
                        StrCat(std::string(parked.message()), ": ", qemu->process().Said()));
  }
  HPCC_RETURN_IF_ERROR(qemu->Save(made->state.get(), Left(end)));
  if (fcntl(made->memory.get(), F_ADD_SEALS, kSeals) != 0 ||
      fcntl(made->state.get(), F_ADD_SEALS, kSeals) != 0) {
    return ErrnoStatus(errno, "seal", "a template");
  }
  return made;
}

std::string KeyOf(const SandboxSpec& spec, int root) {
  struct stat facts {};
  fstat(root, &facts);
  return StrCat(facts.st_dev, " ", facts.st_ino, " ", facts.st_ctim.tv_sec, " ",
                facts.st_ctim.tv_nsec, " ", spec.cpus, " ", spec.memory_bytes, " ",
                spec.blob_bytes);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const QemuTemplate>> QemuTemplates::Get(const QemuHost& host,
                                                                       const SandboxSpec& spec,
                                                                       int root,
                                                                       milliseconds bound) {
  return made_.Get(KeyOf(spec, root), bound, [&](milliseconds left) {
    SandboxSpec own = spec;
    own.id = StrCat("template-", ++last_id_);
    return Make(host, own, root, left);
  });
}

}  // namespace hpcc
