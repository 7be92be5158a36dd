#include "agent/agent_server.h"

#include <fcntl.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "agent/command_group.h"
#include "agent/exec_reserve.h"
#include "agent/launcher.h"
#include "agent/memory_file_system.h"
#include "agent/process_root.h"
#include "base/status.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

constexpr uint64_t kMoreFiles = 1'024;  // that arrive, and directories
constexpr uint64_t kBytesPerBlob = 4'096;
constexpr int kMoreThreads = 8;  // for what is no exec

// As a first process the agent inherits what nobody waits for. Its one child of its own is the
// launcher: without that there is no sandbox any more. Commands are the launcher's children, so
// nobody's status is taken from whoever waits for it.
[[noreturn]] void Reap(pid_t launcher) {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED) != 0 && errno != EINTR) _exit(1);
    if (info.si_pid == launcher) _exit(1);
  }
}

}  // namespace

AgentServer::AgentServer(AgentService& service, uint32_t cpus) {
  grpc::ResourceQuota quota("agent");
  quota.SetMaxThreads(static_cast<int>(cpus) * 2 + kMoreThreads);
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kAgentMessageBytes);
  builder.SetMaxSendMessageSize(kAgentMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kAgentWindowBytes);
  server_ = builder.BuildAndStart();
}

void AgentServer::Add(Descriptor stream) {
  fcntl(stream.get(), F_SETFL, O_NONBLOCK);
  grpc::AddInsecureChannelFromFd(server_.get(), stream.Release());
}

absl::Status RunAgent(const AgentSettings& settings,
                      const std::function<void(AgentServer&)>& serve) {
  HPCC_ASSIGN_OR_RETURN(SystemCallFilter filter, SystemCallFilter::Make());
  const SupervisorSettings supervisors{
      .image_root = std::string(kAgentImageRoot),
      .mount_point = std::string(kAgentMountPoint),
      .image = settings.image,
      .filter = std::move(filter),
      .command_group = settings.command_group,
      .command_group_bytes = CommandGroupBytes(settings.shape.memory_bytes, settings.shape.cpus)};
  // Before there is any thread.
  HPCC_ASSIGN_OR_RETURN(const Launcher launcher, Launcher::Start(supervisors));

  HPCC_ASSIGN_OR_RETURN(
      Descriptor blob_directory,
      MakeMemoryFileSystem(settings.blob_bytes, settings.blob_bytes / kBytesPerBlob + kMoreFiles));
  BlobStore blobs(std::move(blob_directory), settings.blob_bytes);
  Descriptor image_root(open(supervisors.image_root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!image_root.valid()) return ErrnoStatus(errno, "open", supervisors.image_root);
  ImageFiles image(std::move(image_root), settings.image);
  ExecReserve reserve(launcher, image.layout(), HasOwnIdentities(settings.shape),
                      ReserveFor(settings.shape));
  AgentService service(settings.shape, blobs, image, reserve, settings.adopt);
  std::thread(Reap, launcher.process()).detach();
  AgentServer server(service, settings.shape.cpus);
  serve(server);
  _exit(0);
}

}  // namespace hpcc
