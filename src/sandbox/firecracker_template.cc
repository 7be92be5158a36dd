#include "sandbox/firecracker_template.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kState = "template.state";
constexpr std::string_view kMemory = "template.memory";

// A root that is linked into jails gets another change time with each link: its own time, and what
// it is, must do.
std::string KeyOf(const FirecrackerParts& parts) {
  struct stat facts {};
  stat(parts.root.path.c_str(), &facts);
  const SandboxSpec& spec = parts.spec;
  return StrCat(facts.st_dev, " ", facts.st_ino, " ", facts.st_size, " ", facts.st_mtim.tv_sec, " ",
                facts.st_mtim.tv_nsec, " ", spec.cpus, " ", spec.memory_bytes, " ",
                spec.blob_bytes);
}

// Of no tenant, and with a user of its own: whatever is wrong with this machine's VMM, it is gone
// before the first copy is made.
absl::StatusOr<FirecrackerParts> PartsOfItsOwn(const FirecrackerParts& parts) {
  FirecrackerParts own{.spec = parts.spec,
                       .jailer = parts.jailer,
                       .kernel = parts.kernel,
                       .root = parts.root,
                       .ids = {}};
  own.spec.id = "template";
  own.spec.tenant = "";
  HPCC_RETURN_IF_ERROR(TakeUser(own));
  return own;
}

}  // namespace

FirecrackerSnapshot FirecrackerTemplate::Files() {
  return {.state = StrCat("/", kState), .memory = StrCat("/", kMemory)};
}

absl::StatusOr<std::shared_ptr<const FirecrackerTemplate>> FirecrackerTemplate::Make(
    const FirecrackerParts& parts, milliseconds bound) {
  const FirecrackerDeadline deadline(bound);
  HPCC_ASSIGN_OR_RETURN(const FirecrackerParts own, PartsOfItsOwn(parts));
  FirecrackerConversation machine;
  HPCC_ASSIGN_OR_RETURN(machine.vm, BootFirecracker(own, deadline.left()));
  // No time and no entropy: its copies get theirs.
  HPCC_RETURN_IF_ERROR(GreetFirecracker(machine, AgentGift(), deadline.left()).status());
  machine.agent.reset();
  HPCC_RETURN_IF_ERROR(machine.vm->Tell(PauseVm(), std::min(kFirecrackerRequest, deadline.left())));
  HPCC_RETURN_IF_ERROR(
      machine.vm->Tell(CreateSnapshot(Files()), std::min(kFirecrackerSave, deadline.left())));
  const std::unique_ptr<Jail> used = machine.vm->TakeJail();
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Jail> jail, Jail::Make(parts.jailer, geteuid()));
  for (const std::string_view file : {kState, kMemory}) {
    HPCC_RETURN_IF_ERROR(jail->Seal(*used, file));
  }
  return std::shared_ptr<const FirecrackerTemplate>(new FirecrackerTemplate(std::move(jail)));
}

absl::Status FirecrackerTemplate::ProvideTo(Jail& jail) const {
  for (const std::string_view file : {kState, kMemory}) {
    HPCC_RETURN_IF_ERROR(jail.Provide(path::Join(jail_->root(), file), file));
  }
  return absl::OkStatus();
}

absl::StatusOr<FirecrackerTemplates::Made> FirecrackerTemplates::Get(const FirecrackerParts& parts,
                                                                     milliseconds bound) {
  return made_.Get(KeyOf(parts), bound,
                   [&parts](milliseconds left) { return FirecrackerTemplate::Make(parts, left); });
}

void FirecrackerTemplates::Forget(const FirecrackerParts& parts, const Made& made) {
  made_.Forget(KeyOf(parts), made);
}

}  // namespace hpcc
