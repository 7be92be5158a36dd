#ifndef HPCC_AGENT_AGENT_SERVER_H_
#define HPCC_AGENT_AGENT_SERVER_H_

// What an agent does once it has its root directory, whatever the sandbox is made of: the launcher,
// the blobs, the image and the service, on streams it is given.

#include <grpcpp/server.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "agent/agent_service.h"
#include "base/posix_descriptor.h"
#include "sandbox/image_layout.h"

namespace hpcc {

struct AgentSettings {
  AgentShape shape;
  uint64_t blob_bytes = 0;
  ImageLayout image;
  AdoptFromWorker adopt;
  int command_group = -1;  // as SupervisorSettings
};

// Thread-safe.
class AgentServer {
 public:
  AgentServer(AgentService& service, uint32_t cpus);

  // Speaks HTTP/2 with whoever is at the other end of a connected stream socket, until it is over.
  void Add(Descriptor stream);

 private:
  std::unique_ptr<grpc::Server> server_;
};

// For the first process of a pid namespace, or of a machine, that has no threads yet and whose root
// directory is as EnterProcessRoot leaves it. Gives `serve` the server; when that returns, or the
// launcher dies, the process ends. An error means that nothing was served.
absl::Status RunAgent(const AgentSettings& settings,
                      const std::function<void(AgentServer&)>& serve);

}  // namespace hpcc

#endif  // HPCC_AGENT_AGENT_SERVER_H_
