#include "agent/agent_program.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "agent/agent_server.h"
#include "agent/process_root.h"
#include "base/status.h"
#include "sandbox/process_setup.h"

namespace hpcc {

namespace {

absl::StatusOr<ProcessSetup> ReadSetup() {
  HPCC_ASSIGN_OR_RETURN(const std::string bytes,
                        ReadDescriptor(Descriptor(kAgentSetupDescriptor), kMaxProcessSetupBytes));
  return DecodeProcessSetup(bytes);
}

void ServeUntilTheEnd(AgentServer& server) {
  server.Add(Descriptor(kAgentChannelDescriptor));
  pollfd life{kAgentLifeDescriptor, POLLIN | POLLRDHUP, 0};
  while (poll(&life, 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace

absl::Status RunProcessAgent() {
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  HPCC_ASSIGN_OR_RETURN(const ProcessSetup setup, ReadSetup());
  HPCC_RETURN_IF_ERROR(EnterProcessRoot(setup.image));
  return RunAgent(
      AgentSettings{
          .shape = {.cpus = setup.cpus, .memory_bytes = setup.memory_bytes, .ids = setup.ids},
          .blob_bytes = setup.blob_bytes,
          .image = setup.image,
          .adopt = nullptr},
      ServeUntilTheEnd);
}

}  // namespace hpcc
