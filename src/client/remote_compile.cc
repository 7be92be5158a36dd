#include "client/remote_compile.h"

#include <unistd.h>

#include <algorithm>

#include "base/logging.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strings.h"
#include "client/hit_outputs.h"
#include "compiler/command_rewriting.h"
#include "compiler/manifest.h"
#include "remote/compile_client.h"

namespace hpcc {

namespace {

// What a worker takes of the variables that can change what a compiler writes; with any other set,
// the compile stays here.
constexpr std::string_view kTakenVariables[] = {
    "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "CPATH", "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH", "SOURCE_DATE_EPOCH",
    // The identity of the compiler covers what it loads by this.
    "LD_LIBRARY_PATH"};
// What a compiler that is asked for its dependencies may need besides.
constexpr std::string_view kAskingVariables[] = {"PATH", "HOME", "TMPDIR", "PWD"};

bool IsTaken(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  return std::find(std::begin(kTakenVariables), std::end(kTakenVariables), name) !=
         std::end(kTakenVariables);
}

bool IsCompiledByWorkers(Language language) {
  switch (language) {
    case Language::kC:
    case Language::kCxx:
    case Language::kObjectiveC:
    case Language::kObjectiveCxx:
    case Language::kPreprocessedC:
    case Language::kPreprocessedCxx:
    case Language::kAssembler:
    case Language::kAssemblerWithCpp:
      return true;
    default:
      return false;
  }
}

std::string TextOf(const ResultBundle& bundle, uint8_t kind) {
  const BundlePart* part = bundle.Find(kind);
  return part == nullptr ? std::string() : part->data;
}

bool NamesSandbox(const ResultBundle& bundle) {
  return std::any_of(bundle.parts.begin(), bundle.parts.end(), [](const BundlePart& part) {
    return part.kind < kOutputRoleCount && StrContains(part.data, kSandboxRoot);
  });
}

}  // namespace

std::optional<std::string> WhyNotRemote(const CompileSubject& subject) {
  const Invocation& invocation = subject.invocation();
  if (invocation.grammar != Grammar::kGnu) return "a command line of MSVC's kind";
  if (subject.toolchain().opaque) return "the compiler is a script or program that runs another";
  if (invocation.records_command_line) return "the command line is written into the output";
  if (!IsCompiledByWorkers(invocation.language)) return "the language";
  if (invocation.uses_native) return "a flag that means this machine's processor";
  if (!invocation.content_inputs.empty()) return invocation.content_inputs.front();
  for (const Argument& argument : invocation.arguments) {
    if (argument.effect == FlagEffect::kUnknown || argument.effect == FlagEffect::kNative) {
      return argument.words.front();
    }
  }
  for (const std::string& variable : subject.unit().environment) {
    if (!IsTaken(variable)) return variable.substr(0, variable.find('='));
  }
  return std::nullopt;
}

std::nullopt_t RemoteCompile::Fall(FallbackCause cause, std::string_view what) {
  cause_ = cause;
  detail_ = std::string(what);
  if (LogIsOpen()) {
    Log(LogLevel::kInfo,
        StrCat("compiled here: ", FallbackCauseText(cause), what.empty() ? "" : ": ", what, " (",
               subject_.invocation().source, ")"));
  }
  return std::nullopt;
}

std::optional<CompileRun> RemoteCompile::Run() {
  if (const std::optional<std::string> why = WhyNotRemote(subject_)) {
    return Fall(FallbackCause::kUnsuitable, *why);
  }
  const int64_t started_ns = clock_.FileStampNanoseconds();
  CompileClient client(config_, subject_.command().environment, fs_, clock_);
  const RemoteCompiles::Answer answer = client.Compile(Describe());
  if (answer.cause != FallbackCause::kNone) return Fall(answer.cause, answer.message);
  return Use(answer, started_ns);
}

remote_v1::Compile RemoteCompile::Describe() const {
  const CompileRequest& command = subject_.command();
  remote_v1::Compile request;
  request.set_compiler(path::Normalize(path::Join(command.cwd, command.compiler.path)));
  request.set_compiler_name(command.compiler.name);
  for (const std::string& word : command.compiler.arguments) request.add_arguments(word);
  for (const std::string& variable : subject_.unit().environment) {
    request.add_environment(variable);
  }
  for (const std::string_view name : kAskingVariables) {
    const std::optional<std::string> value = command.environment.Get(name);
    if (value) request.add_environment(StrCat(name, "=", *value));
  }
  request.set_working_directory(command.cwd);
  request.set_toolchain(EncodeToolchainFacts(subject_.toolchain()));
  request.set_project_root(subject_.unit().root.directory());
  request.set_preprocessed(config_.source_mode == SourceMode::kPreprocessed);
  return request;
}

std::optional<CompileRun> RemoteCompile::Use(const RemoteCompiles::Answer& answer,
                                             int64_t started_ns) {
  // Whether the source is to blame or something on the worker, only the compiler here can tell.
  if (answer.compiled.exit_status() != 0) {
    return Fall(FallbackCause::kFailed, StrCat("exit status ", answer.compiled.exit_status()));
  }
  const absl::StatusOr<ResultBundle> bundle = DecodeBundle(answer.bundle);
  if (!bundle.ok()) return Fall(FallbackCause::kOddResult, std::string(bundle.status().message()));
  const bool mapped = answer.compiled.root_is_mapped();
  CompileRun run;
  run.started_ns = started_ns;
  run.process.out = MapBack(TextOf(*bundle, kStdoutPart), mapped);
  run.process.err = MapBack(TextOf(*bundle, kStderrPart), mapped);
  run.process.wall_nanoseconds = bundle->compile_ns;
  // A worker's compiler has no terminal, so what it prints is plain.
  const bool diagnoses = !run.process.out.empty() || !run.process.err.empty();
  if (diagnoses && !subject_.command().diagnostics_target.empty()) {
    return Fall(FallbackCause::kTerminal, "");
  }

  // The dependency file is made here, as after any compile.
  Invocation outputs_only = subject_.invocation();
  outputs_only.dependencies = DependencyRequest();
  if (const std::string missing = MissingPart(outputs_only, *bundle); !missing.empty()) {
    return Fall(FallbackCause::kOddResult, missing);
  }
  if (mapped && NamesSandbox(*bundle)) {
    return Fall(FallbackCause::kOddResult, "the output names the sandbox");
  }
  if (!PutInPlace(*bundle)) return std::nullopt;
  if (HasPreprocessor(subject_.invocation().language)) {
    run.dependencies = DependencyText(*bundle, mapped);
  }
  hit_ = answer.compiled.hit();
  WriteToStream(STDOUT_FILENO, run.process.out);
  WriteToStream(STDERR_FILENO, run.process.err);
  return run;
}

bool RemoteCompile::PutInPlace(const ResultBundle& bundle) {
  HitOutputs outputs(fs_, clock_);
  absl::Status status;
  for (const Output& output : subject_.invocation().outputs) {
    if (!status.ok()) break;
    status = outputs.Add(output.path, bundle.Find(output.role)->data,
                         OutputKindOf(subject_.invocation(), output.role));
  }
  if (status.ok()) status = outputs.Commit();
  if (!status.ok()) Fall(FallbackCause::kError, std::string(status.message()));
  return status.ok();
}

std::string RemoteCompile::DependencyText(const ResultBundle& bundle, bool root_is_mapped) const {
  DependencyRule rule{
      .targets = DependencyTargets(subject_.invocation()), .files = {}, .phony_targets = true};
  for (const BundleDependency& dependency : bundle.dependencies) {
    rule.files.push_back(MapBack(dependency.path, root_is_mapped));
  }
  DependencyStyle style = bundle.dependency_style;
  if (style != DependencyStyle::kNone) return WriteDependencyFile(style, rule);
  // How this compiler writes such a file is not known: no style is to match what stands here, so
  // that it is asked itself where it matters.
  style = DependencyStylesOf(subject_.toolchain().family).front();
  return StrCat(WriteDependencyFile(style, rule), "\n");
}

std::string RemoteCompile::MapBack(std::string_view text, bool root_is_mapped) const {
  std::string mapped;
  const std::string& root = subject_.unit().root.directory();
  for (size_t at = 0; root_is_mapped && (at = text.find(kSandboxRoot)) != std::string_view::npos;) {
    StrAppend(&mapped, text.substr(0, at), root);
    text.remove_prefix(at + kSandboxRoot.size());
  }
  mapped.append(text);
  return mapped;
}

std::optional<CompileRun> TryRemoteCompile(const Config& config, FileSystem& fs, Clock& clock,
                                           const CompileSubject& subject, CompileJournal& journal) {
  if (!config.remote.enabled()) return std::nullopt;
  RemoteCompile remote(config, fs, clock, subject);
  std::optional<CompileRun> run = remote.Run();
  CompilePlace place;
  if (run) {
    journal.Count(remote.hit() ? Counter::kRemoteHit : Counter::kRemoteCompile);
    place.kind = remote.hit() ? CompilePlace::Kind::kWorkersCache : CompilePlace::Kind::kWorker;
  } else {
    const auto cause = static_cast<uint8_t>(remote.cause());
    journal.Count(static_cast<Counter>(static_cast<int>(Counter::kRemoteFallbackFirst) + cause));
    place = {CompilePlace::Kind::kHere, cause, remote.detail()};
  }
  journal.TookPlace(std::move(place));
  return run;
}

}  // namespace hpcc
