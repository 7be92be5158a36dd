#include "dispatch/unit_prediction.h"

#include <memory>
#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/working_directory.h"
#include "cache/result_bundle.h"
#include "cache/unit.h"
#include "compiler/command_rewriting.h"
#include "compiler/dependency_file.h"
#include "compiler/unit_text.h"
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

// Has a text stand in the place of one file. What it says of includes was carried out, so nothing
// is followed; a compile that includes something nevertheless is refused by the worker.
class TextInPlace final : public SourceReader {
 public:
  TextInPlace(SourceReader& inner, std::string path, const std::string& text)
      : inner_(inner), path_(std::move(path)), text_(text) {}

  absl::StatusOr<Facts> Look(const std::string& path, const FileStat& stat) override {
    if (path != path_) return inner_.Look(path, stat);
    return Facts{Digest::Of(text_), std::make_shared<const ScannedText>()};
  }
  absl::StatusOr<std::string> Text(const std::string& path) override {
    if (path != path_) return inner_.Text(path);
    return text_;
  }

 private:
  SourceReader& inner_;
  const std::string path_;
  const std::string& text_;
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
  if (request_.preprocessed()) {
    const absl::Status sent = SendText(go_on);
    if (sent.ok()) return sent;
    Log(LogLevel::kInfo, StrCat(invocation_.source, " is sent as files: ", MessageOf(sent)));
  }
  return SendFiles(go_on);
}

CompileDescription UnitPrediction::Description() const {
  return {.invocation = &invocation_,
          .toolchain = &toolchain_,
          .environment = &environment_,
          .compiler = request_.compiler(),
          .cwd = request_.working_directory(),
          .root = request_.project_root()};
}

absl::Status UnitPrediction::SendFiles(const GoOn& go_on) {
  text_.reset();
  HPCC_RETURN_IF_ERROR(Predict(go_on));
  absl::StatusOr<SentCompile> sent = MakeSentCompile(
      Description(), prediction_, CanMapRoot(Description(), real_root_, prediction_));
  if (!sent.ok()) return Fallback(FallbackCause::kClosureUnknown, MessageOf(sent.status()));
  sent_ = *std::move(sent);
  return absl::OkStatus();
}

absl::StatusOr<bool> UnitPrediction::SendOnlyWhatIsRead(const GoOn& go_on) {
  absl::StatusOr<std::vector<std::string>> names = AskCompiler(go_on);
  if (!names.ok()) return Fallback(FallbackCause::kClosureUnknown, MessageOf(names.status()));
  read_ = *std::move(names);
  const Digest before = sent_.manifest_digest;
  HPCC_RETURN_IF_ERROR(SendFiles(go_on));
  return sent_.manifest_digest != before;
}

absl::Status UnitPrediction::SendText(const GoOn& go_on) {
  HPCC_ASSIGN_OR_RETURN(Text text, Preprocess(go_on));
  text_.emplace(std::move(text));
  absl::Status status = Predict(go_on);
  bool map_root = status.ok() && CanMapRoot(Description(), real_root_, prediction_);
  if (map_root) {
    std::optional<std::string> mapped =
        MapUnitText(text_->text, request_.project_root(), kSandboxRoot);
    map_root = mapped.has_value();
    if (mapped && *mapped != text_->text) {
      text_->text = *std::move(mapped);
      status = Predict(go_on);
    }
  }
  if (status.ok()) status = WriteFileAtomically(fs_, text_->file.path(), text_->text, 0600);
  absl::StatusOr<SentCompile> sent =
      status.ok() ? MakeSentCompile(Description(), prediction_, map_root) : status;
  if (!sent.ok()) {
    text_.reset();
    return sent.status();
  }
  sent_ = *std::move(sent);
  for (BlobSource& blob : sent_.blobs) {
    if (blob.path == text_->source) blob.path = text_->file.path();
  }
  return absl::OkStatus();
}

absl::StatusOr<UnitPrediction::Text> UnitPrediction::Preprocess(const GoOn& go_on) {
  if (const auto why = WhyNoUnitText(invocation_, toolchain_.family)) {
    return absl::UnimplementedError(StrCat(*why));
  }
  HPCC_ASSIGN_OR_RETURN(const TemporaryFile dependencies, TemporaryFile::Create(fs_, environment_));
  HPCC_ASSIGN_OR_RETURN(
      const CapturedRun run,
      RunCompiler(UnitTextCommand(invocation_, dependencies.path()), kMaxSourceBytes, go_on));
  // What was printed belongs to the compile, and would be missing from it.
  if (!run.exit.success() || !run.err.empty()) {
    return absl::UnavailableError("the preprocessor has something to say");
  }
  HPCC_ASSIGN_OR_RETURN(TemporaryFile file, TemporaryFile::Create(fs_, environment_));
  Text text{.text = "", .source = "", .dependencies = "", .file = std::move(file)};
  HPCC_ASSIGN_OR_RETURN(text.text, CutUnitText(run.out, invocation_));
  HPCC_ASSIGN_OR_RETURN(text.source, fs_.RealPath(invocation_.source));
  HPCC_ASSIGN_OR_RETURN(text.dependencies, ReadFile(fs_, dependencies.path(), kMaxDependencyBytes));
  const ScannedText scanned = ScanForIncludes(text.text, /*assembler=*/false);
  if (const auto why = WhyTextDiffers(text.text, scanned))
    return absl::UnimplementedError(StrCat(*why));
  return text;
}

bool UnitPrediction::Complete(std::string* encoded) const {
  absl::StatusOr<ResultBundle> bundle = DecodeBundle(*encoded);
  if (!bundle.ok()) return false;
  // Diagnostics quote lines of the files.
  if (bundle->Find(kStdoutPart) != nullptr || bundle->Find(kStderrPart) != nullptr) return false;
  const absl::StatusOr<std::vector<std::string>> files = ParseDependencyFiles(text_->dependencies);
  if (!files.ok()) return false;
  bundle->dependencies.clear();
  for (const std::string& file : *files) {
    bundle->dependencies.push_back({file, UserHeader::kUnknown});
  }
  const DependencyRule rule{DependencyTargets(invocation_), *files, true};
  bundle->dependency_style = DependencyStyle::kNone;
  for (const DependencyStyle style : DependencyStylesOf(toolchain_.family)) {
    if (WriteDependencyFile(style, rule) != text_->dependencies) continue;
    bundle->dependency_style = style;
    break;
  }
  *encoded = EncodeBundle(*bundle, /*compress=*/false);
  return true;
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
  TellingReader telling(memoized, go_on);
  std::optional<TextInPlace> in_place;
  if (text_) in_place.emplace(telling, text_->source, text_->text);
  SourceReader& reader = in_place ? static_cast<SourceReader&>(*in_place) : telling;
  const PredictionInput input{
      .invocation = &invocation_,
      .cwd = request_.working_directory(),
      .search = BuildSearchPath(fs_, request_.working_directory(), environment_, invocation_,
                                toolchain_.built_in_search),
      .root = real_root_ == request_.project_root() ? real_root_ : std::string(),
      .read = read_ ? &*read_ : nullptr};
  IncludePredictor predictor(fs_, reader, input);
  predictor.Run();
  if (read_) predictor.AddNames(*read_);
  if (!read_ && !predictor.prediction().doubt && predictor.prediction().asks_for_computed_names) {
    absl::StatusOr<std::vector<std::string>> names = AskCompiler(go_on);
    if (!names.ok()) return Fallback(FallbackCause::kClosureUnknown, MessageOf(names.status()));
    predictor.AddNames(*names);
  }
  prediction_ = predictor.prediction();
  if (!prediction_.doubt) return absl::OkStatus();
  return Fallback(FallbackCause::kClosureUnknown, *prediction_.doubt);
}

absl::StatusOr<CapturedRun> UnitPrediction::RunCompiler(const std::vector<std::string>& words,
                                                        uint64_t max_output, const GoOn& go_on) {
  std::vector<std::string> argv = {request_.compiler()};
  argv.insert(argv.end(), words.begin(), words.end());
  // In a thread of its own: it has to stand where this one stands.
  const std::string& directory = request_.working_directory();
  return WhileWaiting(go_on, [&]() -> absl::StatusOr<CapturedRun> {
    HPCC_RETURN_IF_ERROR(SeparateWorkingDirectory());
    HPCC_RETURN_IF_ERROR(EnterDirectory(directory));
    return RunCaptured(argv, environment_,
                       {.timeout = kAskPatience, .max_output_bytes = max_output});
  });
}

absl::StatusOr<std::vector<std::string>> UnitPrediction::AskCompiler(const GoOn& go_on) {
  Invocation asked = invocation_;
  asked.dependencies.kind = DependencyRequest::Kind::kAllHeaders;
  asked.dependencies.phony_targets = false;
  HPCC_ASSIGN_OR_RETURN(const CapturedRun run,
                        RunCompiler(DependencyCommand(asked, "-"), kMaxDependencyBytes, go_on));
  if (!run.exit.success()) return absl::UnavailableError("the compiler names no dependencies");
  return ParseDependencyFiles(run.out);
}

}  // namespace hpcc
