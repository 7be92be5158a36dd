#include "sandbox/vm_guest.h"

#include <charconv>
#include <optional>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kVersion = "hpcc.guest=1";
constexpr std::string_view kChannel = "hpcc.channel=";
constexpr std::string_view kMemory = "hpcc.memory=";
constexpr std::string_view kBlobs = "hpcc.blobs=";

constexpr uint64_t kMebibyte = uint64_t{1} << 20;
// The kernel with its tables, the agent with its threads, and the sources in the stages of execs.
constexpr uint64_t kOwnBytes = 256 * kMebibyte;

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string EncodeGuestSetup(const VmGuestSetup& setup) {
  const bool serial = setup.channel == VmGuestSetup::Channel::kSerial;
  return StrCat(kVersion, " ", kChannel, serial ? "serial" : "vsock", " ", kMemory,
                setup.memory_bytes, " ", kBlobs, setup.blob_bytes);
}

absl::StatusOr<VmGuestSetup> DecodeGuestSetup(std::string_view command_line) {
  bool version = false;
  std::optional<VmGuestSetup::Channel> channel;
  std::optional<uint64_t> memory;
  std::optional<uint64_t> blobs;
  for (std::string_view word : StrSplit(StripBlanks(command_line), ' ')) {
    if (word == kVersion) version = true;
    if (word.starts_with(kChannel)) {
      word.remove_prefix(kChannel.size());
      if (word == "serial") channel = VmGuestSetup::Channel::kSerial;
      if (word == "vsock") channel = VmGuestSetup::Channel::kVsock;
    } else if (word.starts_with(kMemory)) {
      memory = Number(word.substr(kMemory.size()));
    } else if (word.starts_with(kBlobs)) {
      blobs = Number(word.substr(kBlobs.size()));
    }
  }
  if (!version || !channel || !memory || !blobs) {
    return absl::InvalidArgumentError("guest: the command line has no setup of this version");
  }
  return VmGuestSetup{.channel = *channel, .memory_bytes = *memory, .blob_bytes = *blobs};
}

std::string GuestCommandLine(const VmGuestSetup& setup) {
  return StrCat("root=/dev/vda ro rootfstype=squashfs init=", kGuestAgentPath,
                " quiet panic=-1 random.trust_cpu=on ", EncodeGuestSetup(setup));
}

uint64_t GuestMemoryBytes(const SandboxSpec& spec) {
  const uint64_t bytes = spec.memory_bytes + spec.blob_bytes + kOwnBytes;
  return (bytes + kMebibyte - 1) / kMebibyte * kMebibyte;
}

}  // namespace hpcc
