#include "sandbox/firecracker_runtime.h"

#include <utility>

#include "base/file_system.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/firecracker_requests.h"
#include "sandbox/firecracker_sandbox.h"
#include "sandbox/firecracker_template.h"
#include "sandbox/jailer_jail.h"
#include "sandbox/sandbox_spec.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

static_assert(kMaxGuestCpus <= kFirecrackerMaxCpus, "what the guest can use, the VMM can give");

}  // namespace

absl::StatusOr<std::unique_ptr<FirecrackerRuntime>> FirecrackerRuntime::Create(
    FirecrackerRuntimeOptions options) {
  const JailerSettings& jailer = options.jailer;
  HPCC_RETURN_IF_ERROR(CheckJailerSettings(jailer));
  HPCC_ASSIGN_OR_RETURN(const FirecrackerVersion firecracker,
                        ProgramVersion(jailer.firecracker, "Firecracker"));
  HPCC_ASSIGN_OR_RETURN(const FirecrackerVersion its_jailer,
                        ProgramVersion(jailer.jailer, "Jailer"));
  HPCC_RETURN_IF_ERROR(CheckVersions(firecracker, its_jailer));
  if (!path::IsAbsolute(options.kernel) || !FileExists(FileSystem::Real(), options.kernel)) {
    return absl::NotFoundError(StrCat("firecracker: there is no guest kernel ", options.kernel));
  }
  const absl::StatusOr<size_t> left = RemoveLeftJails(jailer);
  if (!left.ok()) {
    Log(LogLevel::kWarning, StrCat("jails: ", std::string(left.status().message())));
  } else if (*left != 0) {
    Log(LogLevel::kInfo, StrCat("jails: removed ", *left, " that a crashed worker left"));
  }
  return std::unique_ptr<FirecrackerRuntime>(new FirecrackerRuntime(std::move(options)));
}

FirecrackerRuntime::FirecrackerRuntime(FirecrackerRuntimeOptions options)
    : options_(std::move(options)), templates_(std::make_unique<FirecrackerTemplates>()) {}

FirecrackerRuntime::~FirecrackerRuntime() = default;

uint64_t FirecrackerRuntime::MemoryBytes(const SandboxSpec& spec) const {
  return GuestMemoryBytes(spec) + kVmmMemoryBytes;
}

absl::StatusOr<std::unique_ptr<Sandbox>> FirecrackerRuntime::Start(const SandboxSpec& spec,
                                                                   milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  HPCC_RETURN_IF_ERROR(CheckMachineSpec(spec));
  FirecrackerParts parts{
      .spec = spec, .jailer = options_.jailer, .kernel = options_.kernel, .root = {}, .ids = {}};
  HPCC_ASSIGN_OR_RETURN(parts.root, options_.find_root(spec.image));
  HPCC_RETURN_IF_ERROR(TakeUser(parts));
  auto sandbox = std::make_unique<FirecrackerSandbox>(std::move(parts));
  if (options_.templates) {
    const absl::Status cloned = Clone(*sandbox, bound);
    if (cloned.ok()) return sandbox;
    Log(LogLevel::kWarning, StrCat("sandbox ", spec.id, " boots, as it can't begin as a copy: ",
                                   std::string(cloned.message())));
  }
  HPCC_RETURN_IF_ERROR(sandbox->Boot(deadline.left()));
  return sandbox;
}

// Each step takes half of what is left at most: something is always left for a boot.
absl::Status FirecrackerRuntime::Clone(FirecrackerSandbox& sandbox, milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  HPCC_ASSIGN_OR_RETURN(const FirecrackerTemplates::Made from,
                        templates_->Get(sandbox.parts(), deadline.left() / 2));
  const absl::Status cloned = sandbox.Clone(*from, deadline.left() / 2);
  // Whatever was wrong with it, the next start finds out with another one.
  if (!cloned.ok()) templates_->Forget(sandbox.parts(), from);
  return cloned;
}

}  // namespace hpcc
