#include "agent/guest_program.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "agent/agent_server.h"
#include "agent/guest_channel.h"
#include "agent/guest_image.h"
#include "agent/guest_machine.h"
#include "agent/process_root.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint32_t kAllIds = ~uint32_t{0};

void SayOnConsole(const absl::Status& status) {
  const std::string line = StrCat("hpcc-agent: ", std::string(status.message()), "\n");
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

absl::Status Run() {
  HPCC_ASSIGN_OR_RETURN(const VmGuestSetup setup, PrepareGuest());
  HPCC_ASSIGN_OR_RETURN(GuestChannel channel, GuestChannel::Open(setup.channel));
  HPCC_ASSIGN_OR_RETURN(const Descriptor commands, MakeCommandGroup(setup.memory_bytes));
  HPCC_ASSIGN_OR_RETURN(ImageLayout image, GuestImage(""));
  // From here on /sys and all of /dev but five devices are gone, for the agent too.
  HPCC_RETURN_IF_ERROR(EnterProcessRoot(image));
  const auto cpus = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  return RunAgent(
      AgentSettings{.shape = {.cpus = cpus, .memory_bytes = setup.memory_bytes, .ids = kAllIds},
                    .blob_bytes = setup.blob_bytes,
                    .image = std::move(image),
                    .adopt = AdoptTimeAndEntropy,
                    .command_group = commands.get()},
      [&channel](AgentServer& server) {
        SayOnConsole(
            channel.Serve([&server](Descriptor stream) { server.Add(std::move(stream)); }));
        PowerOff();
      });
}

}  // namespace

void RunGuestAgent() {
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  SayOnConsole(Run());
  PowerOff();
}

}  // namespace hpcc
