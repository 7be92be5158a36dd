#ifndef HPCC_WORKER_HOST_TOOLCHAINS_H_
#define HPCC_WORKER_HOST_TOOLCHAINS_H_

// The pseudo-image "host": the worker machine's own toolchains, which sandboxes see read-only. What
// a toolchain is, is found out by asking it as a client does (compiler/toolchain.h), outside of any
// sandbox, only with words the argument policy has passed, and only if it is called as compilers
// are.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "compiler/invocation.h"
#include "compiler/manifest.h"
#include "compiler/toolchain.h"
#include "worker/turns.h"
#include "worker/worker_command.h"

namespace hpcc {

inline constexpr std::string_view kHostImage = "host";

// A toolchain, and what of it lies in the image: files by their real paths. A sandbox must have the
// very same, or what it compiles is another compiler's: a virtual machine's root is a file of its
// own, which somebody made and may have forgotten to make again.
struct HostToolchain : ToolchainFacts {
  std::vector<ManifestEntry> programs;
};

// Thread-safe.
class HostToolchains {
 public:
  // How long a toolchain is believed to be what it was without a look. Results are stored only for
  // toolchains that were looked at before and after the compile.
  static constexpr std::chrono::seconds kBelieve{1};
  // How long one that could not be told what it is isn't asked again: a client may send the same
  // words over and over.
  static constexpr std::chrono::seconds kRememberFailure{5};

  // `directories`: absolute, what sandboxes are given of the machine. `patience`: of whoever waits
  // while others are asked. `fs` and `clock` outlive this.
  HostToolchains(std::vector<std::string> directories, FileSystem& fs, Clock& clock,
                 std::chrono::milliseconds patience = std::chrono::seconds(10));

  const std::vector<std::string>& directories() const { return directories_; }

  // What to do while another compiler is being asked, which may take it many seconds.
  enum class WhileAnotherIsAsked : uint8_t { kWait, kGiveUp };

  // The toolchain of a command that the policy has passed. FailedPrecondition: it can't be told
  // what it is, so no client's can be equal to it. PermissionDenied: its name is no compiler's, so
  // it was not asked. Aborted: it would have to wait, and was told not to. ResourceExhausted, with
  // a time to retry: it has waited long enough. Cancelled: `cancelled` (may be empty) said so.
  absl::StatusOr<std::shared_ptr<const HostToolchain>> Identify(
      const WorkerCommand& command, const Invocation& invocation,
      WhileAnotherIsAsked manner = WhileAnotherIsAsked::kWait,
      const std::function<bool()>& cancelled = nullptr);
  // Whether it is the same still, with a look.
  bool StillHolds(const WorkerCommand& command, const ToolchainFacts& facts);

  // Where a symbolic link inside the image leads; nothing for what is none.
  std::optional<std::string> LinkTarget(const std::string& path) const;
  // Whether something inside the image stands there.
  bool Has(const std::string& path) const;
  // A file inside the image. PermissionDenied for any other.
  absl::StatusOr<std::string> Read(const std::string& path) const;

 private:
  struct Known {
    std::shared_ptr<const HostToolchain> facts;  // null: it could not be told what it is
    int64_t looked_ns = 0;
  };
  static constexpr size_t kMaxKnown = 1024;

  // What is known and holds still; nothing: it has to be asked.
  std::optional<Known> Recall(const Digest& key, const Environment& environment);
  void Remember(const Digest& key, Known known);
  // Null: it can't be told what it is.
  std::shared_ptr<const HostToolchain> Ask(const ToolchainRequest& request) const;
  absl::StatusOr<std::vector<ManifestEntry>> ProgramsOf(const ToolchainFacts& facts) const;

  const std::vector<std::string> directories_;
  FileSystem& fs_;
  Clock& clock_;
  const std::chrono::milliseconds patience_;
  Turns asking_{1};  // one compiler is asked at a time
  std::mutex mutex_;
  absl::flat_hash_map<Digest, Known> known_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_HOST_TOOLCHAINS_H_
