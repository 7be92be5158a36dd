#include "client/cached_compile.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cache/toolchain_memo.h"
#include "client/dependency_output.h"
#include "client/output_writer.h"
#include "compiler/coff_stamp.h"
#include "compiler/command_rewriting.h"
#include "compiler/compiler_name.h"

namespace hpcc {

namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr size_t kMaxPreprocessedBytes = size_t{512} << 20;

// What a compiler's diagnostics depend on besides the compile: "" where they are plain text.
std::string DescribeDiagnosticsTarget(const Environment& environment) {
  const Terminal out = DescribeTerminal(STDOUT_FILENO, environment);
  const Terminal err = DescribeTerminal(STDERR_FILENO, environment);
  const std::string colors = environment.GetOrEmpty("GCC_COLORS");
  if (!out.is_terminal && !err.is_terminal) return colors;
  std::string target = StrCat(out.is_terminal ? "o" : "-", err.is_terminal ? "e" : "-", ":",
                              err.is_terminal ? err.columns : out.columns);
  for (const std::string_view name :
       {"TERM", "COLUMNS", "GCC_COLORS", "GCC_URLS", "TERM_URLS", "COLORTERM", "NO_COLOR"}) {
    StrAppend(&target, ":", environment.GetOrEmpty(name));
  }
  return target;
}

// Refusals a user would want explained: commands that look like a compile of one source.
bool IsWorthRemembering(const Invocation& invocation) {
  if (invocation.source.empty()) return false;
  switch (invocation.refusal->reason) {
    case NotCacheableReason::kNotACompile:
    case NotCacheableReason::kLinks:
    case NotCacheableReason::kPreprocessesOnly:
    case NotCacheableReason::kDependenciesOnly:
    case NotCacheableReason::kSourceFromStdin:
      return false;
    default:
      return true;
  }
}

void WriteStream(int descriptor, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = write(descriptor, data.data(), data.size());
    if (written <= 0) return;
    data.remove_prefix(static_cast<size_t>(written));
  }
}

OutputKind KindOf(const Invocation& invocation, OutputRole role) {
  const bool assembled =
      role == OutputRole::kDwo || (role == OutputRole::kObject && !invocation.assembly_output);
  return assembled ? OutputKind::kReplaced : OutputKind::kOverwritten;
}

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
                             const Environment& environment, const FoundCompiler& compiler)
    : config_(config),
      fs_(fs),
      clock_(clock),
      environment_(environment),
      compiler_(compiler),
      chain_(config, fs, clock),
      cache_(chain_.store(), fs, clock,
             config.cache.front().compression == CacheTier::Compression::kZstd) {}

std::optional<ExitStatus> CachedCompile::Run() {
  if (!Understand() || !DependencyFileHasPlace()) return std::nullopt;
  if (!IdentifyToolchain()) return std::nullopt;
  if (!PrepareUnit()) return std::nullopt;
  return RunDirect();
}

bool CachedCompile::Understand() {
  const absl::StatusOr<std::string> physical = fs_.RealPath(".");
  if (!physical.ok()) return false;
  cwd_ = LogicalWorkingDirectory(fs_, environment_, *physical);
  const ParseContext context{fs_, environment_, cwd_, compiler_.name,
                             LooksLikeClang(compiler_.name)};
  invocation_ = GuessGrammar(compiler_.name) == Grammar::kMsvc
                    ? ParseMsvc(context, compiler_.arguments)
                    : ParseGnu(context, compiler_.arguments);
  if (!invocation_.refusal) return true;
  Refuse(*invocation_.refusal);
  return false;
}

// A compile whose dependency file has no place to go fails, but only after hpcc's own would have
// succeeded and left an object.
bool CachedCompile::DependencyFileHasPlace() {
  if (invocation_.dependencies.kind == DependencyRequest::Kind::kNone) return true;
  const std::string directory(path::Dirname(invocation_.dependencies.file));
  if (directory.empty() || FileExists(fs_, directory)) return true;
  Refuse({NotCacheableReason::kOutputNotRegular, invocation_.dependencies.file});
  return false;
}

bool CachedCompile::IdentifyToolchain() {
  std::string path = compiler_.path;
  if (!path::IsAbsolute(path)) path = path::Join(cwd_, path);
  ToolchainMemo memo(chain_.store(), fs_, clock_);
  absl::StatusOr<ToolchainFacts> facts = memo.Identify(
      {.path = path, .cwd = cwd_, .invocation = &invocation_, .environment = &environment_},
      compiler_.arguments);
  if (!facts.ok()) {
    Log(LogLevel::kWarning, std::string(facts.status().message()));
    Refuse({NotCacheableReason::kCompilerUnknown, compiler_.path});
    return false;
  }
  toolchain_ = *std::move(facts);
  const bool is_clang = toolchain_.family == CompilerFamily::kClang;
  if (invocation_.grammar == Grammar::kGnu && is_clang != LooksLikeClang(compiler_.name)) {
    // The name misled: read the command line again as what the compiler is.
    const ParseContext context{fs_, environment_, cwd_, compiler_.name, is_clang};
    invocation_ = ParseGnu(context, compiler_.arguments);
    if (invocation_.refusal) {
      Refuse(*invocation_.refusal);
      return false;
    }
  }
  return true;
}

bool CachedCompile::PrepareUnit() {
  absl::StatusOr<Unit> unit = MakeUnit(fs_, {.invocation = &invocation_,
                                             .toolchain = &toolchain_,
                                             .environment = &environment_,
                                             .compiler = compiler_.path,
                                             .cwd = cwd_,
                                             .terminal = DescribeDiagnosticsTarget(environment_)});
  if (!unit.ok()) {
    Refuse({absl::IsResourceExhausted(unit.status()) ? NotCacheableReason::kTooLarge
                                                     : NotCacheableReason::kSourceNotRegular,
            std::string(unit.status().message())});
    return false;
  }
  unit_ = *std::move(unit);
  return true;
}

std::optional<ExitStatus> CachedCompile::RunDirect() {
  const bool only_preprocessor = config_.source_mode == SourceMode::kPreprocessed ||
                                 toolchain_.opaque || invocation_.records_command_line;
  if (only_preprocessor && HasPreprocessor(invocation_.language)) return RunPreprocessed({});

  const Lookup lookup = cache_.LookUpDirect(unit_);
  if (lookup.corrupt_entry) Count(Counter::kCorruptEntry);
  if (lookup.hit) return ServeHit(lookup, Counter::kDirectHit);
  if (lookup.ask_preprocessor) return RunPreprocessed(lookup);
  if (lookup.refusal) {
    Refuse(*lookup.refusal);
    return std::nullopt;
  }

  std::optional<Compiled> compiled = Compile(lookup, nullptr);
  if (!compiled) return std::nullopt;
  if (compiled->run.process.exit.success()) KeepDirect(lookup, *compiled);
  return compiled->run.process.exit;
}

void CachedCompile::KeepDirect(const Lookup& lookup, const Compiled& compiled) {
  if (compiled.refusal) {
    if (compiled.refusal->reason == NotCacheableReason::kUsesDateOrTime ||
        compiled.refusal->reason == NotCacheableReason::kEmbedsFiles) {
      cache_.CommitRefusal(unit_, lookup, compiled.closure, *compiled.refusal).IgnoreError();
    }
    Refuse(*compiled.refusal);
    return;
  }
  if (compiled.closure.needs_preprocessor) {
    const absl::Status status =
        cache_.CommitNeedsPreprocessor(unit_, lookup, *compiled.closure.needs_preprocessor);
    if (!status.ok()) StoreFailed(status);
    KeepPreprocessed(lookup, AskPreprocessor(compiled.run.started_ns), compiled);
    return;
  }
  CountMiss(lookup);
  const absl::StatusOr<ResultCache::Kept> kept =
      cache_.Commit(unit_, lookup, compiled.closure, compiled.outcome);
  RememberKept(lookup, kept);
}

CachedCompile::Preprocessed CachedCompile::AskPreprocessor(int64_t started_ns) {
  Preprocessed result;
  const absl::StatusOr<TemporaryFile> file = TemporaryFile::Create(fs_, environment_);
  if (!file.ok()) {
    result.refusal = {NotCacheableReason::kClosureUnknown, std::string(file.status().message())};
    return result;
  }
  std::vector<std::string> argv = {compiler_.path};
  for (std::string& word : PreprocessCommand(invocation_, file->path())) {
    argv.push_back(std::move(word));
  }
  const absl::StatusOr<CapturedRun> run =
      RunCaptured(argv, environment_,
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
      DateOrTimeReachesOutput(unit_, compiler_)) {
    result.refusal = {NotCacheableReason::kUsesDateOrTime, invocation_.source};
  }
  return result;
}

std::optional<ExitStatus> CachedCompile::RunPreprocessed(const Lookup& direct) {
  WaitForNextTick(fs_, clock_, unit_, direct.newest_change_ns);
  const Preprocessed now = AskPreprocessor(clock_.FileStampNanoseconds());
  if (now.refusal) {
    Refuse(*now.refusal);
    return std::nullopt;
  }
  const Lookup lookup = cache_.LookUpPreprocessed(unit_, now.closure.files, now.text);
  if (lookup.corrupt_entry) Count(Counter::kCorruptEntry);
  if (lookup.hit) return ServeHit(lookup, Counter::kPreprocessedHit);

  std::optional<Compiled> compiled = Compile(lookup, &now);
  if (!compiled) return std::nullopt;
  if (compiled->run.process.exit.success()) KeepPreprocessed(lookup, now, *compiled);
  return compiled->run.process.exit;
}

void CachedCompile::KeepPreprocessed(const Lookup& lookup, const Preprocessed& preprocessed,
                                     const Compiled& compiled) {
  std::optional<NotCacheable> refusal = compiled.refusal;
  if (!refusal) refusal = preprocessed.refusal;
  if (!refusal && !SameFiles(compiled.closure.files, preprocessed.closure.files)) {
    refusal = NotCacheable{NotCacheableReason::kChangedDuringCompile, invocation_.source};
  }
  if (refusal) {
    Refuse(*refusal);
    return;
  }
  CountMiss(lookup);
  const absl::StatusOr<ResultCache::Kept> kept =
      cache_.CommitPreprocessed(unit_, preprocessed.closure, preprocessed.text, compiled.outcome);
  RememberKept(lookup, kept);
}

std::optional<ExitStatus> CachedCompile::ServeHit(const Lookup& lookup, Counter counter) {
  const ResultBundle& bundle = *lookup.hit;
  for (const Output& output : invocation_.outputs) {
    std::string_view data = bundle.Find(output.role)->data;
    std::string restamped;
    if (invocation_.grammar == Grammar::kMsvc) {
      restamped = data;
      RestampCoffObject(&restamped,
                        static_cast<uint32_t>(clock_.NowNanoseconds() / kNanosecondsPerSecond));
      data = restamped;
    }
    const absl::Status status =
        WriteOutput(fs_, output.path, data, KindOf(invocation_, output.role));
    if (!status.ok()) {
      Log(LogLevel::kError, StrCat("output: ", std::string(status.message())));
      Count(Counter::kError);
      return std::nullopt;
    }
  }
  if (invocation_.dependencies.kind != DependencyRequest::Kind::kNone) {
    const std::optional<std::string> text =
        MakeDependencyFile(invocation_, bundle.dependency_style, bundle.dependencies, unit_.root);
    if (!text ||
        !WriteOutput(fs_, invocation_.dependencies.file, *text, OutputKind::kOverwritten).ok()) {
      Count(Counter::kError);
      return std::nullopt;
    }
  }
  if (const BundlePart* out = bundle.Find(kStdoutPart)) WriteStream(STDOUT_FILENO, out->data);
  if (const BundlePart* err = bundle.Find(kStderrPart)) WriteStream(STDERR_FILENO, err->data);
  Count(counter);
  Count(Counter::kBytesRead, lookup.bytes);
  Count(Counter::kTimeSavedNanoseconds, static_cast<uint64_t>(bundle.compile_ns));
  return ExitStatus{};
}

std::optional<CachedCompile::Compiled> CachedCompile::Compile(const Lookup& lookup,
                                                              const Preprocessed* preprocessed) {
  WaitForNextTick(fs_, clock_, unit_, lookup.newest_change_ns);
  const OutputsBefore before(fs_, invocation_);
  absl::StatusOr<CompileRun> run = RunCompile(fs_, clock_, unit_, compiler_);
  if (!run.ok()) {
    Log(LogLevel::kError, std::string(run.status().message()));
    Count(Counter::kError);
    return std::nullopt;
  }
  Compiled compiled;
  compiled.run = *std::move(run);
  LearnFromRun(&compiled, preprocessed, before);
  if (!PublishDependencies(&compiled)) return std::nullopt;
  if (!compiled.run.process.exit.success()) Refuse({NotCacheableReason::kCompileFailed, ""});
  return compiled;
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
      DateOrTimeReachesOutput(unit_, compiler_)) {
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
    const absl::StatusOr<std::string> asked = AskForDependencyFile(fs_, unit_, compiler_);
    if (asked.ok()) {
      text = *asked;
      LearnUserHeaders(*asked, &compiled->outcome.dependencies);
    }
  }
  // More than the user asked for is better than nothing: a build without it would be wrong.
  if (!text) text = compiled->run.dependencies;
  const absl::Status status = WriteOutput(fs_, request.file, *text, OutputKind::kOverwritten);
  if (!status.ok()) {
    Log(LogLevel::kError, StrCat("dependency file: ", std::string(status.message())));
    Refuse({NotCacheableReason::kOutputNotRegular, request.file});
  }
  return status.ok();
}

void CachedCompile::Refuse(const NotCacheable& refusal) {
  Log(LogLevel::kInfo,
      StrCat("not cacheable: ", NotCacheableReasonName(refusal.reason), " ", refusal.detail));
  Count(static_cast<Counter>(static_cast<int>(Counter::kNotCacheableFirst) +
                             static_cast<int>(refusal.reason)));
  Invocation described = invocation_;
  described.refusal = refusal;
  if (!IsWorthRemembering(described)) return;
  UnitRecord record;
  record.time_ns = clock_.NowNanoseconds();
  record.cwd = cwd_;
  record.source = path::Normalize(path::Join(cwd_, invocation_.source));
  if (!invocation_.output.empty()) {
    record.output = path::Normalize(path::Join(cwd_, invocation_.output));
  }
  record.compiler = compiler_.path;
  record.reason = {.kind = MissReason::Kind::kNotCacheable,
                   .subject = std::string(NotCacheableReasonName(refusal.reason)),
                   .after = refusal.detail};
  cache_.RememberUnit(record).IgnoreError();
}

void CachedCompile::Remember(const MissReason& reason, const Digest& result_key) {
  UnitRecord record = DescribeUnit(unit_, clock_.NowNanoseconds());
  record.reason = reason;
  record.result_key = result_key;
  cache_.RememberUnit(record).IgnoreError();
}

void CachedCompile::RememberKept(const Lookup& lookup,
                                 const absl::StatusOr<ResultCache::Kept>& kept) {
  if (kept.ok()) {
    Count(Counter::kBytesWritten, kept->bytes);
  } else {
    StoreFailed(kept.status());
  }
  Remember(lookup.reason, kept.ok() ? kept->key : Digest());
}

void CachedCompile::CountMiss(const Lookup& lookup) {
  Count(Counter::kMiss);
  if (LogIsOpen()) {
    Log(LogLevel::kInfo, StrCat("miss: ", MissReasonName(lookup.reason.kind), " ",
                                lookup.reason.subject, " (", invocation_.source, ")"));
  }
}

void CachedCompile::Count(Counter counter, uint64_t amount) {
  if (statistics_ == nullptr) {
    absl::StatusOr<std::unique_ptr<Statistics>> statistics =
        Statistics::Open(fs_, config_.cache.front().location);
    if (!statistics.ok()) return;
    statistics_ = *std::move(statistics);
  }
  statistics_->Add(counter, amount);
}

void CachedCompile::StoreFailed(const absl::Status& status) {
  Log(LogLevel::kWarning, StrCat("not stored: ", std::string(status.message())));
  Count(Counter::kStoreError);
}

}  // namespace hpcc
