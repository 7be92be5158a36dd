#include "client/cached_compile.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cache/toolchain_memo.h"
#include "client/daemon_start.h"
#include "client/dependency_output.h"
#include "client/hit_outputs.h"
#include "client/remote_compile.h"
#include "compiler/command_rewriting.h"
#include "compiler/compiler_name.h"

namespace hpcc {

namespace {

constexpr size_t kMaxPreprocessedBytes = size_t{512} << 20;

bool SameFiles(const std::vector<RecordedFile>& a, const std::vector<RecordedFile>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].path != b[i].path || a[i].digest != b[i].digest) return false;
  }
  return true;
}

// What the compiler lists without system headers says of each dependency which it is.
void LearnUserHeaders(const std::string& text, std::vector<BundleDependency>* dependencies) {
  const absl::StatusOr<std::vector<std::string>> listed = ParseDependencyFiles(text);
  if (!listed.ok()) return;
  for (BundleDependency& dependency : *dependencies) {
    const bool user = std::find(listed->begin(), listed->end(), dependency.path) != listed->end();
    dependency.user = user ? UserHeader::kYes : UserHeader::kNo;
  }
}

}  // namespace

CachedCompile::CachedCompile(const Config& config, FileSystem& fs, Clock& clock,
                             const CompileRequest& command)
    : config_(config),
      fs_(fs),
      clock_(clock),
      command_(command),
      chain_(config, command.environment, fs, clock),
      cache_(chain_.store(), fs, clock, config.compresses(), /*memo=*/nullptr,
             chain_.shared_entries()),
      subject_(fs, command),
      journal_(config, fs, clock, command, subject_, cache_),
      invocation_(subject_.invocation()),
      unit_(subject_.unit()) {}

std::optional<ExitStatus> CachedCompile::Run() {
  if (!Succeeded(subject_.Understand())) return std::nullopt;
  DaemonClient::Answer answer = AskDaemon();
  if (answer.compiler_unknown) {
    if (!Identify()) return std::nullopt;
    answer = AskDaemon();
  }
  while (answer.hit) {
    const std::unique_ptr<DaemonClient::Hit> hit = std::move(answer.hit);
    HitOutputs outputs(fs_, clock_);
    const absl::Status written = WriteAside(hit.get(), &outputs);
    if (hit->message.tentative()) answer = daemon_->AfterTentative();
    if (hit->message.tentative() && !answer.confirmed) continue;
    if (absl::IsNotFound(written)) break;
    return PutInPlace(written, &outputs, hit->message.standard_output(),
                      hit->message.standard_error());
  }
  if (answer.lease) return RunLeased(*answer.lease);
  daemon_.reset();
  if (!Prepare()) return std::nullopt;
  return RunDirect();
}

bool CachedCompile::Succeeded(const std::optional<NotCacheable>& refusal) {
  if (refusal) journal_.Refuse(*refusal);
  return !refusal;
}

bool CachedCompile::Identify() {
  if (identified_) return true;
  ToolchainMemo memo(chain_.store(), fs_, clock_, ToolchainMemo::Asking::kAllowed,
                     config_.local_directory);
  identified_ = Succeeded(subject_.Identify(memo));
  return identified_;
}

bool CachedCompile::Prepare() {
  return Identify() && Succeeded(subject_.Prepare());
}

DaemonClient::Answer CachedCompile::AskDaemon() {
  const bool can_ask = config_.daemon.use && !config_.paranoid &&
                       config_.source_mode == SourceMode::kDirect &&
                       invocation_.grammar == Grammar::kGnu && !invocation_.records_command_line;
  if (!can_ask) return {};
  const DaemonPlace place(config_, command_.environment);
  daemon_ = DaemonClient::Connect(fs_, place);
  if (daemon_ != nullptr) return daemon_->LookUp(command_);
  if (config_.daemon.autostart) AutostartDaemon(fs_, clock_, place, command_.environment);
  return {};
}

bool CachedCompile::IsComplete(const daemon_v1::Hit& hit) const {
  const bool wants_dependencies = invocation_.dependencies.kind != DependencyRequest::Kind::kNone;
  if (hit.has_dependency_file() != wants_dependencies) return false;
  if (!hit.stored_result().empty()) return hit.outputs_size() == 0;
  if (hit.outputs_size() != static_cast<int>(invocation_.outputs.size())) return false;
  for (int i = 0; i < hit.outputs_size(); ++i) {
    const auto role = static_cast<uint32_t>(invocation_.outputs[static_cast<size_t>(i)].role);
    if (hit.outputs(i).role() != role) return false;
  }
  return true;
}

absl::Status CachedCompile::WriteAside(DaemonClient::Hit* hit, HitOutputs* outputs) {
  if (!IsComplete(hit->message)) return absl::NotFoundError("not all that was asked for");
  if (const std::string& key = hit->message.stored_result(); !key.empty()) {
    Lookup lookup;
    hit->stored = cache_.LoadResult(invocation_, *Digest::FromBytes(key), &lookup);
    if (!hit->stored) return absl::NotFoundError("the result is gone");
    HPCC_RETURN_IF_ERROR(AddOutputs(*hit->stored, outputs));
  }
  uint64_t offset = 0;
  for (int i = 0; i < hit->message.outputs_size(); ++i) {
    const Output& output = invocation_.outputs[static_cast<size_t>(i)];
    const uint64_t size = hit->message.outputs(i).size();
    const OutputData data = hit->shared.valid() ? OutputData(hit->shared, offset, size)
                                                : OutputData(hit->outputs().substr(offset, size));
    HPCC_RETURN_IF_ERROR(outputs->Add(output.path, data, OutputKindOf(invocation_, output.role)));
    offset += size;
  }
  if (!hit->message.has_dependency_file()) return absl::OkStatus();
  return outputs->Add(invocation_.dependencies.file, hit->message.dependency_file(),
                      OutputKind::kOverwritten);
}

absl::Status CachedCompile::AddOutputs(const ResultBundle& bundle, HitOutputs* outputs) const {
  for (const Output& output : invocation_.outputs) {
    HPCC_RETURN_IF_ERROR(outputs->Add(output.path, bundle.Find(output.role)->data,
                                      OutputKindOf(invocation_, output.role)));
  }
  return absl::OkStatus();
}

std::optional<ExitStatus> CachedCompile::PutInPlace(absl::Status status, HitOutputs* outputs,
                                                    std::string_view out, std::string_view err) {
  if (status.ok()) status = outputs->Commit();
  if (!status.ok()) {
    Log(LogLevel::kError, StrCat("output: ", std::string(status.message())));
    journal_.Count(Counter::kError);
    return std::nullopt;
  }
  WriteToStream(STDOUT_FILENO, out);
  WriteToStream(STDERR_FILENO, err);
  return ExitStatus{};
}

std::optional<ExitStatus> CachedCompile::RunLeased(const DaemonClient::Lease& lease) {
  if (!Prepare()) return std::nullopt;
  const OutputsBefore before(fs_, invocation_);
  std::optional<CompileRun> run = StartCompile(lease.newest_change_ns);
  if (!run) return std::nullopt;
  const ExitStatus exit = run->process.exit;
  if (exit.success() && before.WroteAll(fs_, invocation_)) {
    const std::optional<daemon_v1::Learned> learned =
        daemon_->Learn(invocation_, *run, journal_.place());
    if (learned) {
      // The compiler says what keeps it from being written, and fails.
      if (learned->has_dependency_file() && !WriteDependencies(learned->dependency_file())) {
        return std::nullopt;
      }
      return exit;
    }
  }
  // Whatever the daemon knew of the unit is read again: it may have changed, or died.
  const Lookup lookup = exit.success() ? cache_.LookUpDirect(unit_) : Lookup();
  Compiled compiled{.run = *std::move(run), .closure = {}, .outcome = {}, .refusal = {}};
  if (!FinishCompile(&compiled, nullptr, before)) return std::nullopt;
  if (exit.success()) KeepDirect(lookup, compiled);
  return exit;
}

std::optional<ExitStatus> CachedCompile::RunDirect() {
  const bool only_preprocessor = config_.source_mode == SourceMode::kPreprocessed ||
                                 subject_.toolchain().opaque || invocation_.records_command_line;
  if (only_preprocessor && HasPreprocessor(invocation_.language)) return RunPreprocessed({});

  const Lookup lookup = cache_.LookUpDirect(unit_);
  if (lookup.corrupt_entry) journal_.Count(Counter::kCorruptEntry);
  if (lookup.hit) return ServeHit(lookup, Counter::kDirectHit);
  if (lookup.ask_preprocessor) return RunPreprocessed(lookup);
  if (lookup.refusal) {
    journal_.Refuse(*lookup.refusal);
    return std::nullopt;
  }

  std::optional<Compiled> compiled = Compile(lookup, nullptr);
  if (!compiled) return std::nullopt;
  if (compiled->run.process.exit.success()) KeepDirect(lookup, *compiled);
  return compiled->run.process.exit;
}

void CachedCompile::KeepDirect(const Lookup& lookup, const Compiled& compiled) {
  if (config_.paranoid) return journal_.CountMiss(lookup);
  if (compiled.refusal) {
    if (compiled.refusal->reason == NotCacheableReason::kUsesDateOrTime ||
        compiled.refusal->reason == NotCacheableReason::kEmbedsFiles) {
      cache_.CommitRefusal(unit_, lookup, compiled.closure, *compiled.refusal).IgnoreError();
    }
    journal_.Refuse(*compiled.refusal);
    return;
  }
  if (compiled.closure.needs_preprocessor) {
    const absl::Status status =
        cache_.CommitNeedsPreprocessor(unit_, lookup, *compiled.closure.needs_preprocessor);
    if (!status.ok()) journal_.StoreFailed(status);
    KeepPreprocessed(lookup, AskPreprocessor(compiled.run.started_ns), compiled);
    return;
  }
  journal_.CountMiss(lookup);
  const absl::StatusOr<ResultCache::Kept> kept =
      cache_.Commit(unit_, lookup, compiled.closure, compiled.outcome);
  journal_.RememberKept(lookup, kept);
}

CachedCompile::Preprocessed CachedCompile::AskPreprocessor(int64_t started_ns) {
  Preprocessed result;
  const absl::StatusOr<TemporaryFile> file = TemporaryFile::Create(fs_, command_.environment);
  if (!file.ok()) {
    result.refusal = {NotCacheableReason::kClosureUnknown, std::string(file.status().message())};
    return result;
  }
  std::vector<std::string> argv = {command_.compiler.path};
  for (std::string& word : PreprocessCommand(invocation_, file->path())) {
    argv.push_back(std::move(word));
  }
  const absl::StatusOr<CapturedRun> run =
      RunCaptured(argv, command_.environment,
                  {.timeout = kPreprocessTimeout, .max_output_bytes = kMaxPreprocessedBytes});
  if (!run.ok() || !run->exit.success()) {
    result.refusal = {NotCacheableReason::kCompileFailed, "the preprocessor"};
    return result;
  }
  result.text = Digest::Of(run->out);
  const absl::StatusOr<std::string> text = ReadFile(fs_, file->path(), kMaxDependencyBytes);
  const absl::StatusOr<ReadDependencies> read =
      text.ok() ? ReadDependencyOutput(unit_, *text) : text.status();
  if (!read.ok()) {
    result.refusal = {NotCacheableReason::kClosureUnknown, std::string(read.status().message())};
    return result;
  }
  result.dependencies = *read;
  result.closure = RecordClosure(fs_, clock_, unit_, read->files, started_ns);
  result.refusal = result.closure.refusal;
  if (!result.refusal && result.closure.names_date_or_time &&
      DateOrTimeReachesOutput(unit_, command_.compiler)) {
    result.refusal = {NotCacheableReason::kUsesDateOrTime, invocation_.source};
  }
  return result;
}

std::optional<ExitStatus> CachedCompile::RunPreprocessed(const Lookup& direct) {
  WaitForNextTick(fs_, clock_, unit_, direct.newest_change_ns);
  const Preprocessed now = AskPreprocessor(clock_.FileStampNanoseconds());
  if (now.refusal) {
    journal_.Refuse(*now.refusal);
    return std::nullopt;
  }
  const Lookup lookup = cache_.LookUpPreprocessed(unit_, now.closure.files, now.text);
  if (lookup.corrupt_entry) journal_.Count(Counter::kCorruptEntry);
  if (lookup.hit) return ServeHit(lookup, Counter::kPreprocessedHit);

  std::optional<Compiled> compiled = Compile(lookup, &now);
  if (!compiled) return std::nullopt;
  if (compiled->run.process.exit.success()) KeepPreprocessed(lookup, now, *compiled);
  return compiled->run.process.exit;
}

void CachedCompile::KeepPreprocessed(const Lookup& lookup, const Preprocessed& preprocessed,
                                     const Compiled& compiled) {
  if (config_.paranoid) return journal_.CountMiss(lookup);
  std::optional<NotCacheable> refusal = compiled.refusal;
  if (!refusal) refusal = preprocessed.refusal;
  if (!refusal && !SameFiles(compiled.closure.files, preprocessed.closure.files)) {
    refusal = NotCacheable{NotCacheableReason::kChangedDuringCompile, invocation_.source};
  }
  if (refusal) {
    journal_.Refuse(*refusal);
    return;
  }
  journal_.CountMiss(lookup);
  const absl::StatusOr<ResultCache::Kept> kept =
      cache_.CommitPreprocessed(unit_, preprocessed.closure, preprocessed.text, compiled.outcome);
  journal_.RememberKept(lookup, kept);
}

std::optional<ExitStatus> CachedCompile::ServeHit(const Lookup& lookup, Counter counter) {
  const ResultBundle& bundle = *lookup.hit;
  HitOutputs outputs(fs_, clock_);
  absl::Status status = AddOutputs(bundle, &outputs);
  std::optional<std::string> dependencies;
  if (status.ok() && invocation_.dependencies.kind != DependencyRequest::Kind::kNone) {
    dependencies =
        MakeDependencyFile(invocation_, bundle.dependency_style, bundle.dependencies, unit_.root);
    if (!dependencies) return std::nullopt;
    status = outputs.Add(invocation_.dependencies.file, *dependencies, OutputKind::kOverwritten);
  }
  const BundlePart* out = bundle.Find(kStdoutPart);
  const BundlePart* err = bundle.Find(kStderrPart);
  const std::optional<ExitStatus> exit =
      PutInPlace(status, &outputs, out == nullptr ? std::string_view() : out->data,
                 err == nullptr ? std::string_view() : err->data);
  if (!exit) return std::nullopt;
  journal_.Count(counter);
  journal_.Count(Counter::kBytesRead, lookup.bytes);
  journal_.Count(Counter::kTimeSavedNanoseconds, static_cast<uint64_t>(bundle.compile_ns));
  return exit;
}

std::optional<CompileRun> CachedCompile::StartCompile(int64_t newest_change_ns) {
  WaitForNextTick(fs_, clock_, unit_, newest_change_ns);
  std::optional<CompileRun> remote = TryRemoteCompile(config_, fs_, clock_, subject_, journal_);
  if (remote) return remote;
  absl::StatusOr<CompileRun> run = RunCompile(fs_, clock_, unit_, command_.compiler);
  if (run.ok()) return *std::move(run);
  Log(LogLevel::kError, std::string(run.status().message()));
  journal_.Count(Counter::kError);
  return std::nullopt;
}

std::optional<CachedCompile::Compiled> CachedCompile::Compile(const Lookup& lookup,
                                                              const Preprocessed* preprocessed) {
  const OutputsBefore before(fs_, invocation_);
  std::optional<CompileRun> run = StartCompile(lookup.newest_change_ns);
  if (!run) return std::nullopt;
  Compiled compiled;
  compiled.run = *std::move(run);
  if (!FinishCompile(&compiled, preprocessed, before)) return std::nullopt;
  return compiled;
}

bool CachedCompile::FinishCompile(Compiled* compiled, const Preprocessed* preprocessed,
                                  const OutputsBefore& before) {
  LearnFromRun(compiled, preprocessed, before);
  if (!PublishDependencies(compiled)) return false;
  if (!compiled->run.process.exit.success())
    journal_.Refuse({NotCacheableReason::kCompileFailed, ""});
  return true;
}

absl::StatusOr<ReadDependencies> CachedCompile::DependenciesOf(
    const CompileRun& run, const Preprocessed* preprocessed) const {
  if (!HasPreprocessor(invocation_.language)) return ReadDependencies{};
  if (invocation_.records_command_line && preprocessed != nullptr) {
    return preprocessed->dependencies;
  }
  return ReadDependencyOutput(unit_, run.dependencies.value_or(std::string()));
}

void CachedCompile::LearnFromRun(Compiled* compiled, const Preprocessed* preprocessed,
                                 const OutputsBefore& before) {
  const CompileRun& run = compiled->run;
  CompileOutcome& outcome = compiled->outcome;
  outcome.started_ns = run.started_ns;
  outcome.compile_ns = run.process.wall_nanoseconds;

  absl::StatusOr<ReadDependencies> read = DependenciesOf(run, preprocessed);
  if (!read.ok()) {
    compiled->refusal =
        NotCacheable{NotCacheableReason::kClosureUnknown, std::string(read.status().message())};
    return;
  }
  const std::vector<std::string>& files = read->files;
  outcome.dependency_style = read->style;
  compiled->closure = RecordClosure(fs_, clock_, unit_, files, run.started_ns);
  outcome.dependencies = DescribeDependencies(unit_, files, compiled->closure);
  if (!run.process.exit.success()) return;

  compiled->refusal = compiled->closure.refusal;
  if (!compiled->refusal && !run.process.complete) {
    compiled->refusal = NotCacheable{NotCacheableReason::kTooLarge, "diagnostics"};
  }
  if (!compiled->refusal && compiled->closure.names_date_or_time &&
      DateOrTimeReachesOutput(unit_, command_.compiler)) {
    compiled->refusal = NotCacheable{NotCacheableReason::kUsesDateOrTime, invocation_.source};
  }
  if (!compiled->refusal) compiled->refusal = before.Collect(fs_, invocation_, &outcome.parts);
  if (!run.process.out.empty()) outcome.parts.push_back({kStdoutPart, run.process.out});
  if (!run.process.err.empty()) outcome.parts.push_back({kStderrPart, run.process.err});
}

bool CachedCompile::PublishDependencies(Compiled* compiled) {
  const DependencyRequest& request = invocation_.dependencies;
  if (request.kind == DependencyRequest::Kind::kNone) return true;
  if (invocation_.records_command_line) return true;  // the compiler wrote it where it belongs
  if (!compiled->run.dependencies) {
    fs_.Remove(request.file).IgnoreError();  // as the compiler did with the one it was given
    return true;
  }
  if (compiled->run.dependencies->empty()) return true;
  std::optional<std::string> text =
      MakeDependencyFile(invocation_, compiled->outcome.dependency_style,
                         compiled->outcome.dependencies, ProjectRoot());
  if (!text) {
    const absl::StatusOr<std::string> asked = AskForDependencyFile(fs_, unit_, command_.compiler);
    if (asked.ok()) {
      text = *asked;
      LearnUserHeaders(*asked, &compiled->outcome.dependencies);
    }
  }
  // More than the user asked for is better than nothing: a build without it would be wrong.
  if (!text) text = compiled->run.dependencies;
  return WriteDependencies(*text);
}

bool CachedCompile::WriteDependencies(std::string_view text) {
  const std::string& file = invocation_.dependencies.file;
  const absl::Status status = WriteOutput(fs_, file, text, OutputKind::kOverwritten);
  if (!status.ok()) {
    Log(LogLevel::kError, StrCat("dependency file: ", std::string(status.message())));
    journal_.Refuse({NotCacheableReason::kOutputNotRegular, file});
  }
  return status.ok();
}

}  // namespace hpcc
