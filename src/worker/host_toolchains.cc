#include "worker/host_toolchains.h"

#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/compiler_name.h"
#include "worker/argument_policy.h"
#include "worker/limits.h"
#include "worker/retry_after.h"

namespace hpcc {

namespace {
constexpr std::chrono::milliseconds kRetry{1000};
}  // namespace

HostToolchains::HostToolchains(std::vector<std::string> directories, FileSystem& fs, Clock& clock,
                               std::chrono::milliseconds patience)
    : directories_(std::move(directories)), fs_(fs), clock_(clock), patience_(patience) {}

std::optional<HostToolchains::Known> HostToolchains::Recall(const Digest& key,
                                                            const Environment& environment) {
  const int64_t now = clock_.MonotonicNanoseconds();
  Known known;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end()) return std::nullopt;
    known = found->second;
  }
  const std::chrono::nanoseconds age(now - known.looked_ns);
  if (known.facts == nullptr) {
    if (age < kRememberFailure) return known;
    return std::nullopt;
  }
  if (age < kBelieve) return known;
  if (!ToolchainFactsHold(fs_, environment, *known.facts)) return std::nullopt;
  known.looked_ns = now;
  Remember(key, known);
  return known;
}

void HostToolchains::Remember(const Digest& key, Known known) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown && !known_.contains(key)) {
    // Whoever makes up words has failures remembered, and nobody's toolchains forgotten.
    absl::erase_if(known_, [](const auto& entry) { return entry.second.facts == nullptr; });
    if (known_.size() >= kMaxKnown) known_.clear();
  }
  known_[key] = std::move(known);
}

std::shared_ptr<const HostToolchain> HostToolchains::Ask(const ToolchainRequest& request) const {
  absl::StatusOr<ToolchainFacts> probed = ProbeToolchain(fs_, request);
  if (!probed.ok() || probed->opaque) return nullptr;
  absl::StatusOr<std::vector<ManifestEntry>> programs = ProgramsOf(*probed);
  if (!programs.ok()) return nullptr;
  return std::make_shared<const HostToolchain>(
      HostToolchain{*std::move(probed), *std::move(programs)});
}

absl::StatusOr<std::shared_ptr<const HostToolchain>> HostToolchains::Identify(
    const WorkerCommand& command, const Invocation& invocation, WhileAnotherIsAsked manner,
    const std::function<bool()>& cancelled) {
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
  std::optional<Known> known = Recall(key, environment);
  if (!known) {
    const bool waits = manner == WhileAnotherIsAsked::kWait;
    const Turns::Turn turn =
        asking_.Take(waits ? patience_ : std::chrono::milliseconds(0), cancelled);
    if (!turn) {
      constexpr char kWhy[] = "other compilers are being asked what they are";
      if (cancelled && cancelled()) return absl::CancelledError(kWhy);
      return waits ? RetryLater(kWhy, kRetry) : absl::AbortedError(kWhy);
    }
    known = Recall(key, environment);
    if (!known) {
      // As of before the question: what changes meanwhile is seen. A failure, from its end.
      known = Known{.looked_ns = clock_.MonotonicNanoseconds()};
      known->facts = Ask(request);
      if (known->facts == nullptr) known->looked_ns = clock_.MonotonicNanoseconds();
      Remember(key, *known);
    }
  }
  if (known->facts != nullptr) return known->facts;
  return absl::FailedPreconditionError(
      StrCat(command.compiler, ": what this compiler is, can't be found out on this worker"));
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
