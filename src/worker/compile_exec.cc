#include "worker/compile_exec.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "cache/result_bundle.h"
#include "compiler/command_rewriting.h"
#include "compiler/dependency_file.h"
#include "worker/argument_policy.h"
#include "worker/manifest_file_system.h"

namespace hpcc {

namespace {

absl::Status ForTheClient(std::string_view why) {
  return absl::FailedPreconditionError(StrCat(why));
}

std::vector<std::string> PrefixMapsOf(const WorkerCommand& command) {
  if (!path::IsBelow(command.working_directory, kSandboxRoot)) return {};
  return {StrCat(kSandboxRoot, "=.")};
}

class CompileInSandbox {
 public:
  CompileInSandbox(Sandbox& sandbox, const CompileExec& exec)
      : sandbox_(sandbox),
        exec_(exec),
        files_(*exec.manifest, [this](const std::string& path) { return ImageLink(path); }) {}

  absl::StatusOr<CompileOutcome> Run();

 private:
  absl::StatusOr<ExecResult> Exec(const std::vector<std::string>& words,
                                  const Environment& environment, std::vector<std::string> outputs);
  // The client's, and the compiler: the sandbox finds out whether its image has that one.
  absl::StatusOr<std::string> ManifestWithCompiler() const;
  std::vector<std::string> OutputPaths() const;
  absl::Status TakeOutputs(ExecResult* run, ResultBundle* bundle);
  // Fills the bundle's dependencies, and `texts_` with what they say.
  absl::Status CheckDependencies(ResultBundle* bundle);
  absl::Status CheckDependency(const std::string& path);
  absl::StatusOr<TextFacts> FactsOf(const ManifestEntry& entry);
  absl::Status CheckDateAndTime();
  absl::Status CheckAbsences() const;
  CompileOutcome Outcome(const ExecResult& run, const ResultBundle& bundle) const;
  std::optional<std::string> ImageLink(const std::string& path);

  Sandbox& sandbox_;
  const CompileExec& exec_;
  std::map<std::string, std::optional<std::string>> image_links_;
  const ManifestFileSystem files_;
  std::optional<std::string> dependencies_;
  TextFacts texts_;
};

std::optional<std::string> CompileInSandbox::ImageLink(const std::string& path) {
  if (exec_.image == nullptr) return std::nullopt;
  const auto [place, is_new] = image_links_.try_emplace(path);
  if (is_new) place->second = exec_.image->LinkTarget(path);
  return place->second;
}

absl::StatusOr<ExecResult> CompileInSandbox::Exec(const std::vector<std::string>& words,
                                                  const Environment& environment,
                                                  std::vector<std::string> outputs) {
  ExecRequest request;
  request.job = exec_.job;
  request.arguments = {exec_.command->compiler};
  request.arguments.insert(request.arguments.end(), words.begin(), words.end());
  request.environment = environment.ToStrings();
  request.working_directory = exec_.command->working_directory;
  HPCC_ASSIGN_OR_RETURN(request.manifest, ManifestWithCompiler());
  request.outputs = std::move(outputs);
  request.limits = exec_.limits;
  request.traceparent = exec_.traceparent;
  if (exec_.began != nullptr) *exec_.began = true;
  HPCC_ASSIGN_OR_RETURN(ExecResult run, sandbox_.Exec(request, exec_.read_blob, exec_.cancelled));
  if (run.exceeded != ExceededLimit::kNone) {
    return ForTheClient(
        StrCat("the compile reached this worker's limit of ", LimitName(run.exceeded)));
  }
  if (run.signal != 0) return ForTheClient(StrCat("signal ", run.signal, " ended the compiler"));
  return run;
}

absl::StatusOr<std::string> CompileInSandbox::ManifestWithCompiler() const {
  SourceManifest manifest = *exec_.manifest;
  manifest.entries.insert(manifest.entries.end(), exec_.toolchain->programs.begin(),
                          exec_.toolchain->programs.end());
  return EncodeManifest(std::move(manifest));
}

std::vector<std::string> CompileInSandbox::OutputPaths() const {
  std::vector<std::string> paths;
  for (const Output& output : exec_.invocation->outputs) {
    paths.push_back(path::Normalize(path::Join(exec_.command->working_directory, output.path)));
  }
  return paths;
}

absl::Status CompileInSandbox::TakeOutputs(ExecResult* run, ResultBundle* bundle) {
  const std::vector<std::string> paths = OutputPaths();
  std::vector<bool> found(paths.size());
  for (ExecOutput& output : run->outputs) {
    if (output.path == kDependencyPath) {
      dependencies_ = std::move(output.data);
      continue;
    }
    const auto place = std::find(paths.begin(), paths.end(), output.path);
    if (place == paths.end()) continue;
    const auto index = static_cast<size_t>(place - paths.begin());
    if (output.data.size() > kMaxOutputBytes) return ForTheClient("an output is too large");
    found[index] = true;
    bundle->parts.push_back(
        {static_cast<uint8_t>(exec_.invocation->outputs[index].role), std::move(output.data)});
  }
  const bool all = std::find(found.begin(), found.end(), false) == found.end();
  if (run->exit_status == 0 && !all) {
    return ForTheClient("the compiler wrote less than it was asked for");
  }
  if (run->exit_status != 0) bundle->parts.clear();
  if (!run->standard_output.empty()) {
    bundle->parts.push_back({kStdoutPart, run->standard_output});
  }
  if (!run->standard_error.empty()) bundle->parts.push_back({kStderrPart, run->standard_error});
  return absl::OkStatus();
}

absl::StatusOr<TextFacts> CompileInSandbox::FactsOf(const ManifestEntry& entry) {
  TextMemo& memo = *exec_.texts;
  if (const std::optional<TextFacts> known = memo.Find(entry.digest)) return *known;
  // The sandbox has found files of the image to be what the manifest says.
  const bool here = exec_.image != nullptr && IsInImage(entry.path, exec_.image->directories());
  HPCC_ASSIGN_OR_RETURN(const std::string text,
                        here ? exec_.image->Read(entry.path) : exec_.read_blob(entry.digest));
  const bool assembler = exec_.invocation->language == Language::kAssembler ||
                         exec_.invocation->language == Language::kAssemblerWithCpp;
  const TextFacts facts = ReadTextFacts(text, assembler);
  // Of a text that is assembly, more counts as embedding: that stays with this compile.
  if (!assembler) memo.Add(entry.digest, facts);
  return facts;
}

absl::Status CompileInSandbox::CheckDependency(const std::string& path) {
  const std::optional<std::string> real =
      files_.Resolve(path::Join(exec_.command->working_directory, path));
  const ManifestEntry* entry = real ? files_.Find(*real) : nullptr;
  const bool is_file = entry != nullptr && (entry->kind == ManifestEntry::Kind::kFile ||
                                            entry->kind == ManifestEntry::Kind::kExecutable);
  if (!is_file) return ForTheClient(StrCat(kUndeclared, path));
  HPCC_ASSIGN_OR_RETURN(const TextFacts facts, FactsOf(*entry));
  texts_ |= facts;
  return absl::OkStatus();
}

absl::Status CompileInSandbox::CheckDependencies(ResultBundle* bundle) {
  const Invocation& invocation = *exec_.invocation;
  if (!HasPreprocessor(invocation.language)) {
    bundle->dependencies.push_back({invocation.source, UserHeader::kYes});
    return CheckDependency(invocation.source);
  }
  if (!dependencies_) return ForTheClient("the compiler named no dependencies");
  absl::StatusOr<std::vector<std::string>> files = ParseDependencyFiles(*dependencies_);
  if (!files.ok()) return ForTheClient("the compiler's dependencies can't be understood");
  for (const std::string& file : *files) {
    HPCC_RETURN_IF_ERROR(CheckDependency(file));
    bundle->dependencies.push_back({file, UserHeader::kUnknown});
  }
  const DependencyRule rule{DependencyTargets(invocation), *std::move(files), true};
  for (const DependencyStyle style : DependencyStylesOf(exec_.toolchain->family)) {
    if (WriteDependencyFile(style, rule) != *dependencies_) continue;
    bundle->dependency_style = style;
    break;
  }
  return absl::OkStatus();
}

// As the client does it (client/compile_run.h): the preprocessor says whether a macro that is named
// somewhere is expanded.
absl::Status CompileInSandbox::CheckDateAndTime() {
  if (!texts_.may_use_date_or_time()) return absl::OkStatus();
  Environment environment = ExecEnvironment(*exec_.command);
  environment.Set("LC_ALL", "C");
  HPCC_ASSIGN_OR_RETURN(const ExecResult run,
                        Exec(DateTimeCommand(*exec_.invocation), environment, {}));
  if (run.exit_status != 0) return ForTheClient("it can't be told whether the time is used");
  if (!StrContains(run.standard_error, "date-time")) return absl::OkStatus();
  const bool fixed = environment.Has("SOURCE_DATE_EPOCH") &&
                     exec_.toolchain->family == CompilerFamily::kGcc &&
                     !StrContains(run.standard_error, "__TIMESTAMP__");
  return fixed ? absl::OkStatus() : ForTheClient("__DATE__ or __TIME__ reaches the output");
}

// What the client's compile looked for and did not find must not be in the image either.
// (The agent looks, too; it alone can where the image isn't this machine's.)
absl::Status CompileInSandbox::CheckAbsences() const {
  if (exec_.image == nullptr) return absl::OkStatus();
  for (const ManifestEntry& entry : exec_.manifest->entries) {
    if (entry.kind == ManifestEntry::Kind::kAbsent && exec_.image->Has(entry.path)) {
      return ForTheClient(StrCat("the image has what the client doesn't: ", entry.path));
    }
  }
  return absl::OkStatus();
}

CompileOutcome CompileInSandbox::Outcome(const ExecResult& run, const ResultBundle& bundle) const {
  CompileOutcome outcome;
  outcome.exit_status = run.exit_status;
  outcome.storable = run.exit_status == 0 && !texts_.embeds_files;
  outcome.wall = run.wall;
  outcome.result.isolation = std::string(sandbox_.isolation());
  for (const BundlePart& part : bundle.parts) {
    if (part.kind >= kOutputRoleCount) continue;
    outcome.result.outputs.push_back(
        {std::string(OutputRoleName(static_cast<OutputRole>(part.kind))), Digest::Of(part.data)});
  }
  outcome.result.bundle = EncodeBundle(bundle, /*compress=*/true);
  return outcome;
}

absl::StatusOr<CompileOutcome> CompileInSandbox::Run() {
  const Invocation& invocation = *exec_.invocation;
  HPCC_RETURN_IF_ERROR(CheckAbsences());
  std::vector<std::string> outputs = OutputPaths();
  if (HasPreprocessor(invocation.language)) outputs.emplace_back(kDependencyPath);
  const std::vector<std::string> words =
      CompileCommand(invocation, std::string(kDependencyPath), PrefixMapsOf(*exec_.command));
  HPCC_ASSIGN_OR_RETURN(ExecResult run,
                        Exec(words, ExecEnvironment(*exec_.command), std::move(outputs)));
  ResultBundle bundle;
  bundle.created_ns = Clock::Real().NowNanoseconds();
  bundle.compile_ns = run.wall.count();
  bundle.compiler = exec_.command->compiler;
  bundle.source = invocation.source;
  HPCC_RETURN_IF_ERROR(TakeOutputs(&run, &bundle));
  if (run.exit_status == 0) {
    HPCC_RETURN_IF_ERROR(CheckDependencies(&bundle));
    HPCC_RETURN_IF_ERROR(CheckDateAndTime());
  }
  return Outcome(run, bundle);
}

}  // namespace

std::string_view LimitName(ExceededLimit limit) {
  switch (limit) {
    case ExceededLimit::kWallTime:
      return "time";
    case ExceededLimit::kMemory:
      return "memory";
    case ExceededLimit::kStage:
      return "bytes written";
    case ExceededLimit::kStdio:
      return "bytes printed";
    case ExceededLimit::kProcesses:
      return "processes";
    case ExceededLimit::kCpuTime:
      return "processor time";
    case ExceededLimit::kNone:
      break;
  }
  return "";
}

absl::StatusOr<CompileOutcome> RunCompileExec(Sandbox& sandbox, const CompileExec& exec) {
  return CompileInSandbox(sandbox, exec).Run();
}

}  // namespace hpcc
