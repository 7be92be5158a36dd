#include "worker/host_toolchains.h"

#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/compiler_name.h"
#include "worker/argument_policy.h"
#include "worker/limits.h"

namespace hpcc {

HostToolchains::HostToolchains(std::vector<std::string> directories, FileSystem& fs, Clock& clock)
    : directories_(std::move(directories)), fs_(fs), clock_(clock) {}

absl::StatusOr<std::shared_ptr<const HostToolchain>> HostToolchains::Identify(
    const WorkerCommand& command, const Invocation& invocation, WhileAnotherIsAsked manner) {
  // To ask it is to run it, with the client's words and without a sandbox: `perl -mModule=...`
  // passes the policy, which is written for compilers.
  if (!LooksLikeCompiler(path::Basename(command.compiler))) {
    return absl::PermissionDeniedError(
        StrCat("argument refused: ", command.compiler, ": no compiler is called so"));
  }
  const Environment environment = ExecEnvironment(command);
  const ToolchainRequest request{
      .path = command.compiler, .cwd = "/", .invocation = &invocation, .environment = &environment};
  const Digest key = ToolchainRequestKey(request);
  const auto recall = [&]() -> std::shared_ptr<const HostToolchain> {
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

  std::unique_lock asking(asking_, std::defer_lock);
  if (manner == WhileAnotherIsAsked::kWait) asking.lock();
  if (!asking.owns_lock() && !asking.try_lock()) {
    return absl::AbortedError("another compiler is being asked what it is");
  }
  if (auto facts = recall()) return facts;
  const int64_t now = clock_.MonotonicNanoseconds();
  absl::StatusOr<ToolchainFacts> probed = ProbeToolchain(fs_, request);
  const auto unknown = [&] {
    return absl::FailedPreconditionError(
        StrCat(command.compiler, ": what this compiler is, can't be found out on this worker"));
  };
  if (!probed.ok() || probed->opaque) return unknown();
  absl::StatusOr<std::vector<ManifestEntry>> programs = ProgramsOf(*probed);
  if (!programs.ok()) return unknown();
  auto facts = std::make_shared<const HostToolchain>(
      HostToolchain{*std::move(probed), *std::move(programs)});
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[key] = {facts, now};
  return facts;
}

absl::StatusOr<std::vector<ManifestEntry>> HostToolchains::ProgramsOf(
    const ToolchainFacts& facts) const {
  std::vector<ManifestEntry> programs;
  for (const ToolchainFacts::UsedFile& file : facts.files) {
    if (file.digest.is_zero()) continue;
    HPCC_ASSIGN_OR_RETURN(const std::string real, fs_.RealPath(file.path));
    if (!IsInImage(real, directories_)) continue;
    const bool executable = (file.stat.mode & 0111) != 0;
    programs.push_back(
        {.path = real,
         .kind = executable ? ManifestEntry::Kind::kExecutable : ManifestEntry::Kind::kFile,
         .digest = file.digest});
  }
  return programs;
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
