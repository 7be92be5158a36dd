#ifndef HPCC_WORKER_IMAGE_TOOLCHAINS_H_
#define HPCC_WORKER_IMAGE_TOOLCHAINS_H_

// What the compilers of an image are. The worker can't look into the file system of a virtual
// machine, nor would it run there what came from a registry: it has hpcc-agent do both, as a
// command in the sandbox of the tenant that wants to know (compiler/toolchain_question.h). The
// answer is made exactly as a client makes it of the compiler on its own machine, so that equal
// identities mean equal programs, to the last shared library.
//
// An image never changes, so each question is asked once of each image; but for each tenant anew,
// in its own sandbox: what ran there before might have got hold of it, and must not answer others.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "compiler/invocation.h"
#include "sandbox/runtime.h"
#include "worker/flights.h"
#include "worker/host_toolchains.h"
#include "worker/worker_command.h"

namespace hpcc {

// Thread-safe.
class ImageToolchains {
 public:
  // An answer that is not what a client said of its own compiler is asked for again after this
  // long: a machine under load may have given up on one of the programs that make the answer.
  static constexpr std::chrono::seconds kDoubt{60};

  // `agent` is the file of hpcc-agent. Both outlive this.
  ImageToolchains(std::string agent, FileSystem& fs, Clock& clock);

  struct Question {
    const WorkerCommand* command = nullptr;  // which the policy has passed
    const Invocation* invocation = nullptr;  // of it
    bool is_clang = false;                   // as which that was read
    std::string job;                         // that wants to know
    ExecLimits limits;
    std::function<bool()> cancelled;
  };
  // The toolchain of a command, in this sandbox's image. FailedPrecondition: what it is can't be
  // told, so no client's can be equal to it. Else as Sandbox::Exec.
  absl::StatusOr<std::shared_ptr<const HostToolchain>> Identify(Sandbox& sandbox,
                                                                const Question& question);

 private:
  struct Known {
    std::shared_ptr<const HostToolchain> facts;
    int64_t asked_ns = 0;
  };
  static constexpr size_t kMaxKnown = 1024;

  std::shared_ptr<const HostToolchain> Recall(const Digest& key, const Digest& expected);
  absl::StatusOr<HostToolchain> Ask(Sandbox& sandbox, const Question& question);

  const std::string agent_;
  FileSystem& fs_;
  Clock& clock_;
  Flights<std::shared_ptr<const HostToolchain>> asking_;
  std::mutex mutex_;
  absl::flat_hash_map<Digest, Known> known_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_IMAGE_TOOLCHAINS_H_
