#include "worker/replay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "worker/argument_policy.h"
#include "worker/compile_exec.h"
#include "worker/manifest_file_system.h"
#include "worker/tenant.h"
#include "worker/understood_command.h"

namespace hpcc {

namespace {

WorkerCommand CommandOfRow(const AuditRow& row) {
  WorkerCommand command;
  command.compiler = row.compiler;
  command.arguments = row.flags;
  command.working_directory = row.working_directory;
  for (const std::string& variable : row.environment) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    command.environment.Set(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return command;
}

const AuditOutput* FindOutput(const std::vector<AuditOutput>& outputs, std::string_view role) {
  const auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [&](const AuditOutput& output) { return output.role == role; });
  return found == outputs.end() ? nullptr : &*found;
}

class Replay {
 public:
  Replay(const AuditRow& row, const ReplayParts& parts)
      : row_(row),
        parts_(parts),
        folder_(TenantFolderIn(parts.state_directory, row.tenant)),
        command_(CommandOfRow(row)) {}

  absl::StatusOr<ReplayReport> Run();

 private:
  // Each looks for what makes the job impossible to repeat, and finds nothing when all is well.
  void CheckSandbox();
  void ReadManifest();
  void CheckSources();
  void CheckCommandAndCompiler();
  void CheckKey();
  // Of another image than `host`: what only its sandbox knows. An error says nothing of the job.
  absl::Status AskImage(Sandbox& sandbox);

  bool is_host() const { return row_.image_digest == kHostImage; }
  bool IsInHostImage(const std::string& path) const {
    return is_host() && IsInImage(path, parts_.image->directories());
  }
  absl::Status Compile();
  void Compare(const CompileOutcome& outcome);
  void Find(std::string finding);
  absl::StatusOr<std::string> ReadSource(const Digest& digest) const {
    return ReadKeptBlob(*parts_.fs, TenantSources(folder_), digest);
  }

  const AuditRow& row_;
  const ReplayParts& parts_;
  const std::string folder_;
  const WorkerCommand command_;
  SourceManifest manifest_;
  UnderstoodCommand understood_;
  ReplayReport report_;
  size_t findings_ = 0;
};

void Replay::Find(std::string finding) {
  if (++findings_ <= kMaxReplayFindings) report_.findings.push_back(std::move(finding));
}

void Replay::CheckSandbox() {
  const bool here = is_host() ? !parts_.image->directories().empty() : parts_.toolchains != nullptr;
  if (!here) {
    Find(StrCat("its image is not here: ", row_.image_digest));
  }
  if (row_.isolation != parts_.runtime->isolation()) {
    Find(StrCat("it ran in a sandbox of the kind ", row_.isolation, "; this worker's are ",
                parts_.runtime->isolation()));
  }
}

void Replay::ReadManifest() {
  const absl::StatusOr<std::string> bytes =
      ReadKeptBlob(*parts_.fs, TenantManifests(folder_), row_.source_digest);
  if (!bytes.ok()) {
    return Find(absl::IsNotFound(bytes.status())
                    ? StrCat("its manifest is no longer kept: ", row_.source_digest.ToHex())
                    : StrCat("its manifest: ", std::string(bytes.status().message())));
  }
  absl::StatusOr<SourceManifest> manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) {
    return Find(StrCat("its manifest: ", std::string(manifest.status().message())));
  }
  manifest_ = *std::move(manifest);
}

void Replay::CheckSources() {
  for (const ManifestEntry& entry : manifest_.entries) {
    const bool is_file =
        entry.kind == ManifestEntry::Kind::kFile || entry.kind == ManifestEntry::Kind::kExecutable;
    if (!is_file || IsInHostImage(entry.path)) continue;
    const absl::Status kept = ReadSource(entry.digest).status();
    if (kept.ok()) continue;
    Find(absl::IsNotFound(kept) ? StrCat(entry.path, " is no longer kept: ", entry.digest.ToHex())
                                : StrCat(entry.path, ": ", std::string(kept.message())));
  }
}

void Replay::CheckCommandAndCompiler() {
  AnythingFileSystem anything;
  absl::StatusOr<UnderstoodCommand> understood =
      is_host() ? UnderstandCommand(command_, *parts_.image, anything)
                : UnderstandImageCommand(command_, anything);
  if (!understood.ok()) return Find(std::string(understood.status().message()));
  understood_ = *std::move(understood);
  if (!is_host()) return;
  CheckKey();
  ManifestFileSystem files(manifest_);
  absl::StatusOr<Invocation> invocation =
      CheckCommand({&command_, &parts_.image->directories(), understood_.is_clang}, files);
  if (!invocation.ok()) return Find(std::string(invocation.status().message()));
  understood_.invocation = *std::move(invocation);
}

absl::Status Replay::AskImage(Sandbox& sandbox) {
  ManifestFileSystem files(manifest_);
  const absl::Status status = FinishImageCommand({.command = &command_,
                                                  .toolchains = parts_.toolchains,
                                                  .job = StrCat("replay-of-", row_.job_id),
                                                  .limits = parts_.limits,
                                                  .cancelled = parts_.cancelled},
                                                 sandbox, files, &understood_);
  if (status.ok()) {
    CheckKey();
  } else if (absl::IsFailedPrecondition(status) || absl::IsPermissionDenied(status)) {
    Find(std::string(status.message()));
  } else {
    return status;
  }
  return absl::OkStatus();
}

// The key of the row tells whether the compiler is the one of then: all else that went into it
// stands in the row.
void Replay::CheckKey() {
  const Digest key = WorkerResultKey({.tenant = row_.tenant,
                                      .image = row_.image_digest,
                                      .toolchain = understood_.toolchain->identity,
                                      .command = CommandKey(command_, understood_.invocation),
                                      .manifest = row_.source_digest});
  if (key == row_.cache_key) return;
  Find(StrCat(command_.compiler,
              " is another compiler than the job's: now the command has the key ", key.ToHex(),
              ", then it had ", row_.cache_key.ToHex()));
}

absl::Status Replay::Compile() {
  SandboxSpec spec = parts_.sandbox;
  spec.tenant = row_.tenant;
  spec.image = row_.image_digest;
  absl::StatusOr<std::unique_ptr<Sandbox>> started = parts_.runtime->Start(spec, parts_.start);
  if (absl::IsNotFound(started.status()) && !is_host()) {
    Find(StrCat("its image is not here: ", std::string(started.status().message())));
    report_.verdict = ReplayVerdict::kNotReproducible;
    return absl::OkStatus();
  }
  if (!started.ok()) return started.status();
  Sandbox& sandbox = **started;
  if (!is_host()) {
    HPCC_RETURN_IF_ERROR(AskImage(sandbox));
    if (findings_ != 0) {
      report_.verdict = ReplayVerdict::kNotReproducible;
      return absl::OkStatus();
    }
  }
  TextMemo texts;
  CompileExec exec;
  exec.job = StrCat("replay-of-", row_.job_id);
  exec.read_blob = [this](const Digest& digest) { return ReadSource(digest); };
  exec.texts = &texts;
  exec.image = is_host() ? parts_.image : nullptr;
  exec.command = &command_;
  exec.invocation = &understood_.invocation;
  exec.toolchain = understood_.toolchain.get();
  exec.manifest = &manifest_;
  exec.limits = parts_.limits;
  exec.cancelled = parts_.cancelled;
  const absl::StatusOr<CompileOutcome> outcome = RunCompileExec(sandbox, exec);
  if (outcome.ok()) {
    Compare(*outcome);
  } else if (absl::IsFailedPrecondition(outcome.status()) || absl::IsNotFound(outcome.status())) {
    // A file of the image is another one, a source went this moment, a limit was reached.
    Find(std::string(outcome.status().message()));
    report_.verdict = ReplayVerdict::kNotReproducible;
  } else {
    return outcome.status();
  }
  return absl::OkStatus();
}

void Replay::Compare(const CompileOutcome& outcome) {
  report_.outputs = outcome.result.outputs;
  if (outcome.exit_status != row_.exit_status) {
    Find(StrCat("exit status: ", outcome.exit_status, ", not ", row_.exit_status));
  }
  for (const AuditOutput& then : row_.output_digests) {
    const AuditOutput* now = FindOutput(report_.outputs, then.role);
    if (now == nullptr) {
      Find(StrCat(then.role, " was not made"));
    } else if (now->digest != then.digest) {
      Find(StrCat(then.role, ": ", now->digest.ToHex(), ", not ", then.digest.ToHex()));
    }
  }
  for (const AuditOutput& now : report_.outputs) {
    if (FindOutput(row_.output_digests, now.role) == nullptr) {
      Find(StrCat(now.role, " is no output of the job"));
    }
  }
  if (findings_ != 0) report_.verdict = ReplayVerdict::kDiffers;
}

absl::StatusOr<ReplayReport> Replay::Run() {
  CheckSandbox();
  ReadManifest();
  CheckSources();
  CheckCommandAndCompiler();
  if (findings_ != 0) {
    report_.verdict = ReplayVerdict::kNotReproducible;
  } else {
    HPCC_RETURN_IF_ERROR(Compile());
  }
  if (findings_ > kMaxReplayFindings) {
    report_.findings.push_back(StrCat("and ", findings_ - kMaxReplayFindings, " more"));
  }
  return report_;
}

}  // namespace

std::string_view ReplayVerdictName(ReplayVerdict verdict) {
  switch (verdict) {
    case ReplayVerdict::kEqual:
      return "equal";
    case ReplayVerdict::kDiffers:
      return "differs";
    case ReplayVerdict::kNotReproducible:
      break;
  }
  return "not reproducible";
}

absl::StatusOr<ReplayReport> ReplayJob(const AuditRow& row, const ReplayParts& parts) {
  return Replay(row, parts).Run();
}

}  // namespace hpcc
