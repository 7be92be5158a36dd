#include "agent/agent_program.h"

#include <fcntl.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "agent/agent_service.h"
#include "agent/memory_file_system.h"
#include "agent/process_root.h"
#include "base/status.h"
#include "sandbox/agent_limits.h"
#include "sandbox/process_setup.h"

namespace hpcc {

namespace {

constexpr uint64_t kMoreFiles = 1'024;  // that arrive, and directories
constexpr uint64_t kBytesPerBlob = 4'096;
constexpr int kMoreThreads = 8;  // for what is no exec

absl::StatusOr<ProcessSetup> ReadSetup() {
  HPCC_ASSIGN_OR_RETURN(const std::string bytes,
                        ReadDescriptor(Descriptor(kAgentSetupDescriptor), kMaxProcessSetupBytes));
  return DecodeProcessSetup(bytes);
}

// As the first process of a pid namespace the agent inherits what nobody waits for. Its one child
// of its own is the launcher: without that there is no sandbox any more. Commands are the
// launcher's children, so nobody's status is taken from whoever waits for it.
[[noreturn]] void Reap(pid_t launcher) {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED) != 0 && errno != EINTR) _exit(1);
    if (info.si_pid == launcher) _exit(1);
  }
}

[[noreturn]] void ServeUntilTheEnd(AgentService& service, uint32_t cpus) {
  grpc::ResourceQuota quota("agent");
  quota.SetMaxThreads(static_cast<int>(cpus) * 2 + kMoreThreads);
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kAgentMessageBytes);
  builder.SetMaxSendMessageSize(kAgentMessageBytes);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  fcntl(kAgentChannelDescriptor, F_SETFL, O_NONBLOCK);
  grpc::AddInsecureChannelFromFd(server.get(), kAgentChannelDescriptor);

  pollfd life{kAgentLifeDescriptor, POLLIN | POLLRDHUP, 0};
  while (poll(&life, 1, -1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

}  // namespace

absl::Status RunProcessAgent() {
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  HPCC_ASSIGN_OR_RETURN(const ProcessSetup setup, ReadSetup());
  HPCC_RETURN_IF_ERROR(EnterProcessRoot(setup.image));
  HPCC_ASSIGN_OR_RETURN(SystemCallFilter filter, SystemCallFilter::Make());
  const SupervisorSettings settings{.image_root = std::string(kAgentImageRoot),
                                    .mount_point = std::string(kAgentMountPoint),
                                    .image = setup.image,
                                    .filter = std::move(filter)};
  // Before there is any thread.
  HPCC_ASSIGN_OR_RETURN(const Launcher launcher, Launcher::Start(settings));

  HPCC_ASSIGN_OR_RETURN(
      Descriptor blob_directory,
      MakeMemoryFileSystem(setup.blob_bytes, setup.blob_bytes / kBytesPerBlob + kMoreFiles));
  BlobStore blobs(std::move(blob_directory), setup.blob_bytes);
  Descriptor image_root(open(settings.image_root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!image_root.valid()) return ErrnoStatus(errno, "open", settings.image_root);
  ImageFiles image(std::move(image_root), setup.image);
  AgentService service(
      AgentShape{.cpus = setup.cpus, .memory_bytes = setup.memory_bytes, .ids = setup.ids}, blobs,
      image, launcher);
  std::thread(Reap, launcher.process()).detach();
  ServeUntilTheEnd(service, setup.cpus);
}

}  // namespace hpcc
