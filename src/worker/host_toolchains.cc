#include "worker/host_toolchains.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "worker/argument_policy.h"
#include "worker/limits.h"

namespace hpcc {

HostToolchains::HostToolchains(std::vector<std::string> directories, FileSystem& fs, Clock& clock)
    : directories_(std::move(directories)), fs_(fs), clock_(clock) {}

absl::StatusOr<std::shared_ptr<const ToolchainFacts>> HostToolchains::Identify(
    const WorkerCommand& command, const Invocation& invocation) {
  const Environment environment = ExecEnvironment(command);
  const ToolchainRequest request{
      .path = command.compiler, .cwd = "/", .invocation = &invocation, .environment = &environment};
  const Digest key = ToolchainRequestKey(request);
  const auto recall = [&]() -> std::shared_ptr<const ToolchainFacts> {
    const int64_t now = clock_.MonotonicNanoseconds();
    Known known;
    {
      const std::lock_guard lock(mutex_);
      const auto found = known_.find(key);
      if (found == known_.end()) return nullptr;
      known = found->second;
    }
    if (now - known.looked_ns < std::chrono::nanoseconds(kBelieve).count()) return known.facts;
    if (!ToolchainFactsHold(fs_, environment, *known.facts)) return nullptr;
    const std::lock_guard lock(mutex_);
    known_[key].looked_ns = now;
    return known.facts;
  };
  if (auto facts = recall()) return facts;

  const std::lock_guard asking(asking_);
  if (auto facts = recall()) return facts;
  const int64_t now = clock_.MonotonicNanoseconds();
  absl::StatusOr<ToolchainFacts> probed = ProbeToolchain(fs_, request);
  if (!probed.ok() || probed->opaque) {
    return absl::FailedPreconditionError(
        StrCat(command.compiler, ": what this compiler is, can't be found out on this worker"));
  }
  auto facts = std::make_shared<const ToolchainFacts>(*std::move(probed));
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[key] = {facts, now};
  return facts;
}

bool HostToolchains::StillHolds(const WorkerCommand& command, const ToolchainFacts& facts) {
  return ToolchainFactsHold(fs_, ExecEnvironment(command), facts);
}

std::optional<std::string> HostToolchains::LinkTarget(const std::string& path) const {
  if (!IsInImage(path, directories_)) return std::nullopt;
  absl::StatusOr<std::string> target = fs_.ReadLink(path);
  if (!target.ok()) return std::nullopt;
  return *std::move(target);
}

bool HostToolchains::Has(const std::string& path) const {
  FileStat stat;
  return IsInImage(path, directories_) &&
         fs_.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0;
}

absl::StatusOr<std::string> HostToolchains::Read(const std::string& path) const {
  if (!IsInImage(path, directories_)) {
    return absl::PermissionDeniedError(StrCat(path, " is not the image's"));
  }
  return ReadFile(fs_, path, kMaxBlobBytes);
}

}  // namespace hpcc
