#ifndef HPCC_SANDBOX_RUNTIME_H_
#define HPCC_SANDBOX_RUNTIME_H_

// Sandboxes of one tenant each, behind one interface: whoever compiles in them knows no driver
// (process, qemu, firecracker). DESIGN.md section 7. All classes are thread-safe.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"

namespace hpcc {

// What a sandbox is made of and whose it is.
struct SandboxSpec {
  std::string id;      // unique on this worker; part of paths, logs and audit rows
  std::string tenant;  // the only one whose commands it ever runs
  std::string image;   // "host", or an image digest
  uint32_t cpus = 1;
  uint64_t memory_bytes = uint64_t{2} << 30;
  uint64_t blob_bytes = uint64_t{1} << 30;  // of tmpfs, for blobs kept between execs
};

// 0: the agent's own default.
struct ExecLimits {
  std::chrono::milliseconds wall{0};
  std::chrono::seconds cpu{0};
  uint64_t memory_bytes = 0;
  uint64_t file_bytes = 0;
  uint64_t processes = 0;
  uint64_t stage_bytes = 0;
  uint64_t stdio_bytes = 0;
  // What an exec may take besides `wall`, for blobs on their way in and outputs on theirs out. The
  // worker's own bound, which an agent never hears of: a sandbox that has not answered after both
  // is lost.
  std::chrono::milliseconds margin{60'000};
};

// Takes a piece of a command's standard output or error.
using StdioSink = std::function<void(bool error, std::string_view data)>;

struct ExecRequest {
  std::string job;
  std::vector<std::string> arguments;    // the program first, absolute
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory;         // absolute
  std::string manifest;                  // compiler/manifest.h
  std::vector<std::string> outputs;      // absolute paths the command may leave behind
  ExecLimits limits;
  std::string traceparent;
  // Where the streams go as they come, in the thread of Exec; those of the result are empty then.
  // While it takes its time, so does the command.
  StdioSink stdio;
};

struct ExecOutput {
  std::string path;
  std::string data;
  uint32_t mode = 0644;
};

// Anything but kNone: the command was ended, or can't be believed. Its status and streams are not
// those of a compile, and there are no outputs.
enum class ExceededLimit : uint8_t {
  kNone,
  kWallTime,
  kMemory,
  kStage,
  kStdio,
  kProcesses,
  kCpuTime,
};

struct ExecResult {
  int exit_status = 0;
  int signal = 0;  // that ended the command; 0: none
  ExceededLimit exceeded = ExceededLimit::kNone;
  std::string standard_output;
  std::string standard_error;
  std::vector<ExecOutput> outputs;  // those asked for that are there, in the request's order
  std::chrono::nanoseconds wall{0};
  std::chrono::nanoseconds cpu{0};
  uint64_t peak_memory_bytes = 0;
};

// Gives the bytes of a blob of the manifest that the sandbox lacks. NotFound: the exec fails.
using BlobReader = std::function<absl::StatusOr<std::string>(const Digest& digest)>;

class Sandbox {
 public:
  virtual ~Sandbox() = default;  // as Stop()

  virtual const SandboxSpec& spec() const = 0;
  // What stands in audit rows: "process", "qemu-kvm", "qemu-tcg", "firecracker-kvm". The truth.
  virtual std::string_view isolation() const = 0;
  // What holds this sandbox beyond what its isolation promises, for logs and lists: "cgroup:
  // memory, pids; ids: 65536".
  virtual std::string Description() const { return ""; }
  // Absolute directories the image provides, read-only.
  virtual std::vector<std::string> image_directories() const = 0;

  // Runs one command to its end; several run at once. Blobs the sandbox lacks are fetched with
  // `read_blob` and kept in it. `cancelled` is asked often: true ends the command.
  //  - FailedPrecondition: a manifest entry inside an image directory differs from the image.
  //  - InvalidArgument: the request breaks a rule (paths, limits); the message names it.
  //  - NotFound: a blob is missing.
  //  - Cancelled: as asked.
  //  - Unavailable: the sandbox is lost; alive() is false from then on.
  virtual absl::StatusOr<ExecResult> Exec(const ExecRequest& request, const BlobReader& read_blob,
                                          const std::function<bool()>& cancelled) = 0;

  // One plain call to its agent, on the stream that execs take, within `bound`: that it is there,
  // and what the way there costs. Unimplemented where a driver has no such call.
  virtual absl::Status Ping(std::chrono::milliseconds) {
    return absl::UnimplementedError("this sandbox answers execs only");
  }

  virtual absl::Status Suspend() = 0;  // Unimplemented where a driver can't
  virtual absl::Status Resume() = 0;
  virtual void Stop() = 0;
  virtual bool alive() const = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual std::string_view isolation() const = 0;
  // What one of these takes of this machine's memory while it isn't suspended, at most: `spec`'s,
  // and what holds it. In bytes.
  virtual uint64_t MemoryBytes(const SandboxSpec& spec) const {
    return spec.memory_bytes + spec.blob_bytes;
  }
  // Within `bound`: a sandbox whose agent has answered, or why there is none.
  virtual absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxSpec& spec,
                                                         std::chrono::milliseconds bound) = 0;
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_RUNTIME_H_
