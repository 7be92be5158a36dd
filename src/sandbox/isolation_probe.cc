#include "sandbox/isolation_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/path.h"
#include "base/posix_descriptor.h"
#include "base/strings.h"
#include "sandbox/jailer_command.h"
#include "sandbox/namespaces.h"

namespace hpcc {

namespace {

// "" when there is none.
std::string FindProgram(std::string_view search_path, std::string_view name) {
  for (const std::string_view directory : StrSplit(search_path, ':')) {
    if (!path::IsAbsolute(directory)) continue;
    std::string program = path::Join(directory, name);
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

// Two instructions are no guest.
constexpr std::string_view kNoPromise = "; whether a guest boots on it, a worker's start shows";

IsolationFinding ProbeFirecracker(std::string_view search_path, bool root, const KvmProbe& kvm) {
  const auto missing = [](std::string reason) {
    return IsolationFinding{.isolation = "firecracker-kvm", .reason = std::move(reason)};
  };
  const std::string firecracker = FindProgram(search_path, "firecracker");
  const std::string jailer = FindProgram(search_path, "jailer");
  if (firecracker.empty()) return missing("there is no firecracker on PATH");
  if (jailer.empty()) return missing("there is firecracker on PATH, but not its jailer");
  const absl::StatusOr<FirecrackerVersion> version = ProgramVersion(firecracker, "Firecracker");
  if (!version.ok()) return missing(std::string(version.status().message()));
  const absl::StatusOr<FirecrackerVersion> its_jailer = ProgramVersion(jailer, "Jailer");
  if (!its_jailer.ok()) return missing(std::string(its_jailer.status().message()));
  const absl::Status checked = CheckVersions(*version, *its_jailer);
  if (!checked.ok()) return missing(std::string(checked.message()));
  const std::string found = StrCat(firecracker, " is ", version->ToString());
  if (!kvm.works()) return missing(StrCat(found, ", but ", kvm.ToText()));
  if (!root) return missing(StrCat(found, ", but its jailer must be run by root"));
  return {.isolation = "firecracker-kvm",
          .usable = true,
          .reason = StrCat(found, ", with its jailer; ", kvm.ToText(), kNoPromise)};
}

IsolationFinding ProbeQemu(std::string_view search_path, const KvmProbe& kvm) {
  const std::string_view isolation = kvm.works() ? "qemu-kvm" : "qemu-tcg";
  const std::string qemu = FindProgram(search_path, "qemu-system-x86_64");
  if (qemu.empty()) {
    return {.isolation = std::string(isolation),
            .reason = "there is no qemu-system-x86_64 on PATH"};
  }
  return {.isolation = std::string(isolation),
          .usable = true,
          .reason = StrCat(
              qemu, " is there; ", kvm.ToText(),
              kvm.works() ? kNoPromise : ". Its software emulation does, many times slower")};
}

IsolationFinding ProbeNamespaces() {
  const Descriptor nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  // Made, and never run.
  const absl::StatusOr<NamespaceChild> child = NamespaceChild::Clone(
      {.program = nothing.get(), .arguments = {"probe"}, .descriptors = {nothing.get()}});
  if (!child.ok()) {
    return {.isolation = "process", .reason = std::string(child.status().message())};
  }
  return {.isolation = "process", .usable = true, .reason = "namespaces can be made"};
}

}  // namespace

std::vector<IsolationFinding> ProbeIsolations(std::string_view search_path, bool root,
                                              const KvmProbe& kvm) {
  return {ProbeFirecracker(search_path, root, kvm), ProbeQemu(search_path, kvm), ProbeNamespaces()};
}

}  // namespace hpcc
