#include "sandbox/process_runtime.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "base/logging.h"
#include "base/path.h"
#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/agent_client.h"
#include "sandbox/agent_limits.h"
#include "sandbox/namespaces.h"
#include "sandbox/process_setup.h"
#include "sandbox/sandbox_cgroup.h"
#include "sandbox/sandbox_spec.h"
#include "sandbox/watched_process.h"

namespace hpcc {

namespace {

// What the agent itself takes, and threads it has.
constexpr uint64_t kAgentMemory = uint64_t{128} << 20;
constexpr uint64_t kAgentTasks = 256;

struct Ends {
  Descriptor ours;
  Descriptor theirs;
};

absl::StatusOr<Ends> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "create", "a socket pair");
  }
  return Ends{Descriptor(ends[0]), Descriptor(ends[1])};
}

absl::StatusOr<Ends> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create", "a pipe");
  return Ends{Descriptor(ends[0]), Descriptor(ends[1])};
}

absl::StatusOr<Descriptor> FileInMemory(const std::string& bytes) {
  Descriptor file(memfd_create("setup", MFD_CLOEXEC));
  if (!file.valid() ||
      pwrite(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return ErrnoStatus(errno, "create", "a file in memory");
  }
  return file;
}

std::string AgentBesideThisProgram() {
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  if (size <= 0) return "hpcc-agent";
  return path::Join(path::Dirname({self, static_cast<size_t>(size)}), "hpcc-agent");
}

// Every exec at its limit, and the agent: what is beyond is nobody's fault but the sandbox's.
CgroupLimits LimitsOf(const SandboxSpec& spec) {
  return CgroupLimits{.memory_bytes = spec.memory_bytes + spec.blob_bytes +
                                      spec.cpus * 2 * kExecStageBytes + kAgentMemory,
                      .tasks = spec.cpus * kExecProcessesMost + kAgentTasks,
                      .cpus = spec.cpus};
}

class ProcessSandbox final : public Sandbox {
 public:
  struct Parts {
    SandboxSpec spec;
    std::unique_ptr<IdRange> ids;
    uint32_t id_count = 1;
    std::unique_ptr<SandboxCgroup> cgroup;
    Descriptor life;
    std::unique_ptr<WatchedProcess> process;
    std::unique_ptr<AgentClient> agent;
  };

  explicit ProcessSandbox(Parts parts) : parts_(std::move(parts)) {}
  ~ProcessSandbox() override { Stop(); }

  // Within `bound`, until the agent has answered.
  absl::Status Greet(std::chrono::milliseconds bound) {
    absl::StatusOr<AgentHealth> health = parts_.agent->Health(bound);
    if (health.ok()) {
      image_directories_ = std::move(health->image_directories);
      return absl::OkStatus();
    }
    parts_.process->Kill();
    const std::string said = parts_.process->Said();
    return absl::Status(health.status().code(),
                        StrCat("sandbox ", parts_.spec.id, ": the agent didn't start: ",
                               said.empty() ? std::string(health.status().message()) : said));
  }

  const SandboxSpec& spec() const override { return parts_.spec; }
  std::string_view isolation() const override { return ProcessRuntime::kIsolation; }
  std::vector<std::string> image_directories() const override { return image_directories_; }
  std::string Description() const override {
    const std::vector<std::string>& held = parts_.cgroup->controllers();
    return StrCat("cgroup: ", held.empty() ? "none" : StrJoin(held, ", "),
                  "; ids: ", parts_.id_count);
  }

  absl::StatusOr<ExecResult> Exec(const ExecRequest& request, const BlobReader& read_blob,
                                  const std::function<bool()>& cancelled) override {
    if (!alive()) return Lost();
    absl::StatusOr<ExecResult> result = parts_.agent->Exec(request, read_blob, cancelled);
    if (!absl::IsUnavailable(result.status())) return result;
    // A stream that is over is never mended: what may still run there is of no use to anybody.
    parts_.process->Kill();
    return Lost();
  }

  absl::Status Ping(std::chrono::milliseconds bound) override {
    return parts_.agent->Health(bound).status();
  }
  absl::Status Suspend() override {
    return absl::UnimplementedError("a process sandbox can't be suspended");
  }
  absl::Status Resume() override {
    return absl::UnimplementedError("a process sandbox can't be suspended");
  }
  void Stop() override { parts_.process->Kill(); }
  bool alive() const override { return parts_.process->alive(); }

 private:
  absl::Status Lost() const {
    const std::string said = parts_.process->Said();
    if (!said.empty()) Log(LogLevel::kWarning, StrCat("sandbox ", parts_.spec.id, ": ", said));
    return absl::UnavailableError(StrCat("sandbox ", parts_.spec.id, " is lost"));
  }

  // In the order of what needs what: the agent's process goes before its ids and its cgroup do.
  Parts parts_;
  std::vector<std::string> image_directories_;
};

// The agent as a process: started, mapped, limited, running.
absl::StatusOr<std::unique_ptr<ProcessSandbox>> StartAgent(const SandboxSpec& spec,
                                                           const Descriptor& program,
                                                           ImageLayout image) {
  HPCC_ASSIGN_OR_RETURN(Ends channel, MakeSocketPair());
  HPCC_ASSIGN_OR_RETURN(Ends life, MakeSocketPair());
  HPCC_ASSIGN_OR_RETURN(Ends messages, MakePipe());
  HPCC_ASSIGN_OR_RETURN(const Descriptor setup_file, FileInMemory(""));
  const Descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return ErrnoStatus(errno, "open", "/dev/null");

  const NamespaceProgram agent{
      .program = program.get(),
      .arguments = {"hpcc-agent", std::string(kAgentProcessMode)},
      .descriptors = {null.get(), messages.theirs.get(), messages.theirs.get(),
                      channel.theirs.get(), life.theirs.get(), setup_file.get()}};
  HPCC_ASSIGN_OR_RETURN(NamespaceChild child, NamespaceChild::Clone(agent));
  ProcessSandbox::Parts parts{.spec = spec, .ids = IdRange::Take()};
  HPCC_ASSIGN_OR_RETURN(parts.id_count, child.MapIds(parts.ids.get()));
  parts.cgroup = SandboxCgroup::Make(spec.id, LimitsOf(spec), child.process());

  const std::string setup = EncodeProcessSetup(ProcessSetup{.cpus = spec.cpus,
                                                            .memory_bytes = spec.memory_bytes,
                                                            .blob_bytes = spec.blob_bytes,
                                                            .ids = parts.id_count,
                                                            .image = std::move(image)});
  if (pwrite(setup_file.get(), setup.data(), setup.size(), 0) !=
      static_cast<ssize_t>(setup.size())) {
    return ErrnoStatus(errno, "write", "a file in memory");
  }
  HPCC_RETURN_IF_ERROR(child.Run());
  parts.life = std::move(life.ours);
  parts.process =
      std::make_unique<WatchedProcess>(child.TakeProcessDescriptor(), std::move(messages.ours));
  parts.agent = std::make_unique<AgentClient>(std::move(channel.ours));
  return std::make_unique<ProcessSandbox>(std::move(parts));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sandbox>> ProcessRuntime::Start(const SandboxSpec& spec,
                                                               std::chrono::milliseconds bound) {
  HPCC_RETURN_IF_ERROR(CheckSandboxSpec(spec));
  ImageLayout image;
  if (options_.find_image) {
    HPCC_ASSIGN_OR_RETURN(image, options_.find_image(spec.image));
  } else if (spec.image == "host") {
    image = HostImage();
  } else {
    return absl::NotFoundError(StrCat("sandbox: there is no image ", spec.image));
  }
  HPCC_RETURN_IF_ERROR(CheckImageLayout(image));

  const std::string path = options_.agent.empty() ? AgentBesideThisProgram() : options_.agent;
  const Descriptor program(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program.valid()) return ErrnoStatus(errno, "open", path);
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<ProcessSandbox> sandbox,
                        StartAgent(spec, program, std::move(image)));
  HPCC_RETURN_IF_ERROR(sandbox->Greet(bound));
  return sandbox;
}

}  // namespace hpcc
