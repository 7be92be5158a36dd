#include "worker/image_toolchains.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "compiler/toolchain_question.h"
#include "worker/argument_policy.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxAgentBytes = uint64_t{256} << 20;
constexpr std::chrono::milliseconds kAskingTime{120'000};
static_assert(kToolchainQuestionProgram.starts_with(kSandboxRoot), "the stage has no other place");

}  // namespace

ImageToolchains::ImageToolchains(std::string agent, FileSystem& fs, Clock& clock)
    : agent_(std::move(agent)), fs_(fs), clock_(clock) {}

std::shared_ptr<const HostToolchain> ImageToolchains::Recall(const Digest& key,
                                                             const Digest& expected) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found == known_.end()) return nullptr;
  const Known& known = found->second;
  const int64_t age_ns = clock_.MonotonicNanoseconds() - known.asked_ns;
  const bool doubtful =
      known.facts->identity != expected && age_ns >= std::chrono::nanoseconds(kDoubt).count();
  return doubtful ? nullptr : known.facts;
}

absl::StatusOr<std::shared_ptr<const HostToolchain>> ImageToolchains::Identify(
    Sandbox& sandbox, const Question& question) {
  const WorkerCommand& command = *question.command;
  const Environment environment = ExecEnvironment(command);
  const Digest request = ToolchainRequestKey({.path = command.compiler,
                                              .cwd = "/",
                                              .invocation = question.invocation,
                                              .environment = &environment});
  const Digest key = Hasher("hpcc.image-toolchain.v1")
                         .Field(sandbox.spec().tenant)
                         .Field(sandbox.spec().image)
                         .Field(request)
                         .Finish();
  if (auto facts = Recall(key, command.toolchain)) return facts;
  auto boarding = asking_.Board(key, question.cancelled);
  if (boarding.result) return *boarding.result;
  if (!boarding.lead) return absl::CancelledError("the client went away");
  if (auto facts = Recall(key, command.toolchain)) return facts;
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  HPCC_ASSIGN_OR_RETURN(HostToolchain asked, Ask(sandbox, question));
  auto facts = std::make_shared<const HostToolchain>(std::move(asked));
  {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMaxKnown) known_.clear();
    known_[key] = {facts, now_ns};
  }
  boarding.lead->Land(facts);
  return facts;
}

absl::StatusOr<HostToolchain> ImageToolchains::Ask(Sandbox& sandbox, const Question& question) {
  const WorkerCommand& command = *question.command;
  HPCC_ASSIGN_OR_RETURN(const std::string agent, ReadFile(fs_, agent_, kMaxAgentBytes));
  SourceManifest manifest;
  manifest.entries.push_back({.path = std::string(kToolchainQuestionProgram),
                              .kind = ManifestEntry::Kind::kExecutable,
                              .digest = Digest::Of(agent),
                              .target = ""});
  ExecRequest request;
  request.job = question.job;
  request.arguments = {std::string(kToolchainQuestionProgram), std::string(kToolchainQuestionFlag)};
  for (std::string& word :
       ToolchainQuestion(command.compiler, *question.invocation, question.is_clang)) {
    request.arguments.push_back(std::move(word));
  }
  request.environment = ExecEnvironment(command).ToStrings();
  request.working_directory = "/tmp";
  HPCC_ASSIGN_OR_RETURN(request.manifest, EncodeManifest(std::move(manifest)));
  request.limits = question.limits;
  request.limits.wall =
      request.limits.wall.count() == 0 ? kAskingTime : std::min(request.limits.wall, kAskingTime);
  const BlobReader read_blob = [&agent](const Digest&) -> absl::StatusOr<std::string> {
    return agent;
  };
  HPCC_ASSIGN_OR_RETURN(const ExecResult run, sandbox.Exec(request, read_blob, question.cancelled));
  const bool ended = run.exceeded == ExceededLimit::kNone && run.signal == 0;
  absl::StatusOr<ToolchainFacts> facts = DecodeToolchainFacts(run.standard_output);
  if (!ended || run.exit_status != 0 || !facts.ok() || facts->opaque) {
    return absl::FailedPreconditionError(
        StrCat(command.compiler, ": what this compiler of the image is, can't be found out"));
  }
  // Nothing is compared when it compiles: the image it was asked in is the one that compiles.
  return HostToolchain{*std::move(facts), {}};
}

}  // namespace hpcc
