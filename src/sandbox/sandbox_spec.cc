#include "sandbox/sandbox_spec.h"

#include <algorithm>
#include <cctype>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

namespace {

constexpr size_t kMaxIdBytes = 100;
constexpr uint32_t kMaxCpus = 1024;
constexpr uint64_t kLeastMemory = uint64_t{64} << 20;

}  // namespace

absl::Status CheckSandboxSpec(const SandboxSpec& spec) {
  const bool plain = std::all_of(spec.id.begin(), spec.id.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
  if (spec.id.empty() || spec.id.size() > kMaxIdBytes || !plain) {
    return absl::InvalidArgumentError("sandbox: an id is letters, digits, - and _");
  }
  if (spec.cpus == 0 || spec.cpus > kMaxCpus || spec.memory_bytes < kLeastMemory ||
      spec.blob_bytes == 0) {
    return absl::InvalidArgumentError("sandbox: it has no processor or too little memory");
  }
  return absl::OkStatus();
}

absl::Status CheckMachineSpec(const SandboxSpec& spec) {
  HPCC_RETURN_IF_ERROR(CheckSandboxSpec(spec));
  if (spec.cpus <= kMaxGuestCpus) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("sandbox ", spec.id, ": a virtual machine has 1 to ", kMaxGuestCpus, " processors"));
}

}  // namespace hpcc
