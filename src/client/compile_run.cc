#include "client/compile_run.h"

#include <algorithm>
#include <chrono>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/command_rewriting.h"
#include "compiler/include_scanner.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kTickStep{1};
constexpr int kMaxTickSteps = 25;

std::vector<std::string> WithProgram(const std::string& program,
                                     const std::vector<std::string>& words) {
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

// The latest change among the source and the headers it names itself, where a short look finds
// them: beside it and in the directories of the command line.
int64_t NewestNamedChange(FileSystem& fs, const Unit& unit) {
  const Invocation& invocation = *unit.request.invocation;
  int64_t newest = unit.source_stamp.changed_ns;
  const auto look = [&](const std::string& path) {
    FileStat stat;
    if (fs.Stat(path::Join(unit.request.cwd, path).c_str(), true, &stat) != 0) return false;
    newest = std::max(newest, stat.changed_ns);
    return true;
  };
  const auto look_here = [&](const std::string& path) {
    look(StrCat(path, ".gch"));
    return look(path);
  };
  for (const ForcedInclude& forced : invocation.forced_includes) look_here(forced.path);
  const std::string beside(path::Dirname(invocation.source));
  const ScannedText scanned = ScanForIncludes(unit.source_text, /*assembler=*/false);
  for (const IncludeDirective& directive : scanned.directives) {
    if (!directive.angled && look_here(path::Join(beside, directive.name))) continue;
    for (const SearchDirectory& directory : invocation.search) {
      if (look_here(path::Join(directory.path, directive.name))) break;
    }
  }
  return newest;
}

}  // namespace

absl::StatusOr<TemporaryFile> TemporaryFile::Create(FileSystem& fs,
                                                    const Environment& environment) {
  absl::Status failure;
  for (const std::string& directory : {environment.GetOrEmpty("TMPDIR"), std::string("/tmp")}) {
    if (!path::IsAbsolute(directory)) continue;
    std::string path = TemporaryNameBeside(path::Join(directory, "dependencies"));
    absl::StatusOr<std::unique_ptr<File>> file = fs.Create(path, 0600);
    failure = file.ok() ? (*file)->Close() : file.status();
    if (failure.ok()) return TemporaryFile(fs, std::move(path));
  }
  return failure;
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : fs_(other.fs_), path_(std::move(other.path_)) {
  other.path_.clear();
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) fs_->Remove(path_).IgnoreError();
}

void WaitForNextTick(FileSystem& fs, Clock& clock, const Unit& unit, int64_t newest_change_ns) {
  const int64_t newest = std::max(newest_change_ns, NewestNamedChange(fs, unit));
  // A change further ahead than a few ticks is a stamp from the future; waiting wouldn't help.
  for (int step = 0; step < kMaxTickSteps && clock.FileStampNanoseconds() <= newest; ++step) {
    clock.Sleep(kTickStep);
  }
}

absl::StatusOr<CompileRun> RunCompile(FileSystem& fs, Clock& clock, const Unit& unit,
                                      const FoundCompiler& compiler) {
  const Environment& environment = *unit.request.environment;
  HPCC_ASSIGN_OR_RETURN(const TemporaryFile dependencies, TemporaryFile::Create(fs, environment));
  const Invocation& invocation = *unit.request.invocation;
  const std::vector<std::string> words =
      invocation.records_command_line
          ? compiler.arguments
          : CompileCommand(invocation, dependencies.path(), PrefixMaps(unit.root));
  CompileRun run;
  run.started_ns = clock.FileStampNanoseconds();
  HPCC_ASSIGN_OR_RETURN(
      run.process, RunAndRecord(compiler.path, WithProgram(compiler.called_as, words), environment,
                                kMaxStreamBytes));
  if (!HasPreprocessor(invocation.language) || invocation.records_command_line) return run;
  absl::StatusOr<std::string> text = ReadFile(fs, dependencies.path(), kMaxDependencyBytes);
  if (text.ok()) run.dependencies = *std::move(text);
  return run;
}

OutputsBefore::OutputsBefore(FileSystem& fs, const Invocation& invocation) {
  for (const Output& output : invocation.outputs) {
    FileStat stat;
    const bool there = fs.Stat(output.path.c_str(), /*follow_symlinks=*/true, &stat) == 0;
    before_.push_back(there ? std::optional<FileStat>(stat) : std::nullopt);
  }
}

bool OutputsBefore::WroteAll(FileSystem& fs, const Invocation& invocation) const {
  for (size_t i = 0; i < invocation.outputs.size(); ++i) {
    FileStat stat;
    if (fs.Stat(invocation.outputs[i].path.c_str(), /*follow_symlinks=*/true, &stat) != 0 ||
        !stat.is_regular() || before_[i] == stat) {
      return false;
    }
  }
  return true;
}

std::optional<NotCacheable> OutputsBefore::Collect(FileSystem& fs, const Invocation& invocation,
                                                   std::vector<BundlePart>* parts) const {
  for (size_t i = 0; i < invocation.outputs.size(); ++i) {
    const Output& output = invocation.outputs[i];
    FileStat stat;
    absl::StatusOr<std::string> data = ReadFileAndStat(fs, output.path, kMaxOutputBytes, &stat);
    if (absl::IsResourceExhausted(data.status())) {
      return NotCacheable{NotCacheableReason::kTooLarge, output.path};
    }
    if (!data.ok() || before_[i] == stat) {
      return NotCacheable{NotCacheableReason::kOutputMissing, output.path};
    }
    if (!stat.is_regular()) return NotCacheable{NotCacheableReason::kOutputNotRegular, output.path};
    parts->push_back({static_cast<uint8_t>(output.role), *std::move(data)});
  }
  return std::nullopt;
}

bool DateOrTimeReachesOutput(const Unit& unit, const FoundCompiler& compiler) {
  Environment environment = *unit.request.environment;
  environment.Set("LC_ALL", "C");
  const absl::StatusOr<CapturedRun> run =
      RunCaptured(WithProgram(compiler.path, DateTimeCommand(*unit.request.invocation)),
                  environment, {.timeout = kPreprocessTimeout});
  if (!run.ok() || !run->exit.success()) return true;
  if (!StrContains(run->err, "date-time")) return false;
  // gcc takes date and time from SOURCE_DATE_EPOCH, which is part of the key; the time of a file's
  // last change is beyond it.
  const bool fixed = environment.Has("SOURCE_DATE_EPOCH") &&
                     unit.request.toolchain->family == CompilerFamily::kGcc;
  return !fixed || StrContains(run->err, "__TIMESTAMP__");
}

}  // namespace hpcc
