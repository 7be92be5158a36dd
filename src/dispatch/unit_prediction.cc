#include "dispatch/unit_prediction.h"

#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/working_directory.h"
#include "client/compile_run.h"
#include "compiler/command_rewriting.h"
#include "compiler/dependency_file.h"
#include "dispatch/fallback.h"
#include "dispatch/source_memo.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kAskPatience{120'000};

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

// Tells the wrapper now and then that there is work going on.
class TellingReader final : public SourceReader {
 public:
  TellingReader(SourceReader& inner, const GoOn& go_on) : inner_(inner), go_on_(go_on) {}

  absl::StatusOr<Facts> Look(const std::string& path, const FileStat& stat) override {
    if (++looks_ % kTellEvery == 0 && !go_on_()) return absl::CancelledError("nobody waits for it");
    return inner_.Look(path, stat);
  }
  absl::StatusOr<std::string> Text(const std::string& path) override { return inner_.Text(path); }

 private:
  static constexpr int kTellEvery = 64;
  SourceReader& inner_;
  const GoOn& go_on_;
  int looks_ = 0;
};

}  // namespace

UnitPrediction::UnitPrediction(FileSystem& fs, Clock& clock, FileMemo& memo,
                               const remote_v1::Compile& request)
    : fs_(fs), clock_(clock), memo_(memo), request_(request) {
  for (const std::string& variable : request.environment()) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    environment_.Set(variable.substr(0, equals), variable.substr(equals + 1));
  }
}

absl::Status UnitPrediction::Run(const GoOn& go_on) {
  HPCC_RETURN_IF_ERROR(Understand());
  HPCC_RETURN_IF_ERROR(Predict(go_on));
  const CompileDescription compile{.invocation = &invocation_,
                                   .toolchain = &toolchain_,
                                   .environment = &environment_,
                                   .compiler = request_.compiler(),
                                   .cwd = request_.working_directory(),
                                   .root = request_.project_root()};
  absl::StatusOr<SentCompile> sent =
      MakeSentCompile(compile, prediction_, CanMapRoot(compile, real_root_, prediction_));
  if (!sent.ok()) return Fallback(FallbackCause::kClosureUnknown, MessageOf(sent.status()));
  sent_ = *std::move(sent);
  return absl::OkStatus();
}

absl::Status UnitPrediction::Understand() {
  absl::StatusOr<ToolchainFacts> facts = DecodeToolchainFacts(request_.toolchain());
  if (!facts.ok()) return Fallback(FallbackCause::kError, MessageOf(facts.status()));
  toolchain_ = *std::move(facts);
  // Relative names mean what they mean to the wrapper.
  absl::Status entered = SeparateWorkingDirectory();
  if (entered.ok()) entered = EnterDirectory(request_.working_directory());
  if (!entered.ok()) return Fallback(FallbackCause::kError, MessageOf(entered));
  const ParseContext context{fs_, environment_, request_.working_directory(),
                             request_.compiler_name(), toolchain_.family == CompilerFamily::kClang};
  invocation_ = ParseGnu(
      context, std::vector<std::string>(request_.arguments().begin(), request_.arguments().end()));
  if (invocation_.refusal) {
    return Fallback(FallbackCause::kUnsuitable,
                    NotCacheableReasonText(invocation_.refusal->reason));
  }
  if (request_.project_root().empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> real = fs_.RealPath(request_.project_root());
  if (real.ok()) real_root_ = *real;
  return absl::OkStatus();
}

absl::Status UnitPrediction::Predict(const GoOn& go_on) {
  const bool assembler = invocation_.language == Language::kAssembler ||
                         invocation_.language == Language::kAssemblerWithCpp;
  MemoizedReader memoized(fs_, clock_, memo_, assembler);
  TellingReader reader(memoized, go_on);
  const PredictionInput input{
      .invocation = &invocation_,
      .cwd = request_.working_directory(),
      .search = BuildSearchPath(fs_, request_.working_directory(), environment_, invocation_,
                                toolchain_.built_in_search),
      .root = real_root_ == request_.project_root() ? real_root_ : std::string()};
  IncludePredictor predictor(fs_, reader, input);
  predictor.Run();
  if (!predictor.prediction().doubt && predictor.prediction().asks_for_computed_names) {
    absl::StatusOr<std::vector<std::string>> names = AskCompiler(go_on);
    if (!names.ok()) return Fallback(FallbackCause::kClosureUnknown, MessageOf(names.status()));
    predictor.AddNames(*names);
  }
  prediction_ = predictor.prediction();
  if (!prediction_.doubt) return absl::OkStatus();
  return Fallback(FallbackCause::kClosureUnknown, *prediction_.doubt);
}

absl::StatusOr<std::vector<std::string>> UnitPrediction::AskCompiler(const GoOn& go_on) {
  Invocation asked = invocation_;
  asked.dependencies.kind = DependencyRequest::Kind::kAllHeaders;
  asked.dependencies.phony_targets = false;
  std::vector<std::string> argv = {request_.compiler()};
  for (std::string& word : DependencyCommand(asked, "-")) argv.push_back(std::move(word));
  // In a thread of its own: it has to stand where this one stands.
  const std::string& directory = request_.working_directory();
  HPCC_ASSIGN_OR_RETURN(
      const CapturedRun run, WhileWaiting(go_on, [&]() -> absl::StatusOr<CapturedRun> {
        HPCC_RETURN_IF_ERROR(SeparateWorkingDirectory());
        HPCC_RETURN_IF_ERROR(EnterDirectory(directory));
        return RunCaptured(argv, environment_,
                           {.timeout = kAskPatience, .max_output_bytes = kMaxDependencyBytes});
      }));
  if (!run.exit.success()) return absl::UnavailableError("the compiler names no dependencies");
  return ParseDependencyFiles(run.out);
}

}  // namespace hpcc
