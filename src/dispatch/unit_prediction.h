#ifndef HPCC_DISPATCH_UNIT_PREDICTION_H_
#define HPCC_DISPATCH_UNIT_PREDICTION_H_

// From a wrapper's request to what is sent for it: the command line is read again, what the compile
// will read is predicted, and where the text doesn't say it, the compiler is asked (-M).
//
// A request may want its unit sent as one text (compiler/unit_text.h) instead of its files: then
// the compiler here preprocesses, and a worker sees none of the headers. Units whose object could
// be another then are sent as files nevertheless.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/process.h"
#include "cache/file_memo.h"
#include "client/compile_run.h"
#include "dispatch/grpc_call.h"
#include "dispatch/sent_compile.h"
#include "remote/remote_protocol.h"

namespace hpcc {

// For one compile. Errors carry their cause (dispatch/fallback.h).
class UnitPrediction {
 public:
  // All outlive the object.
  UnitPrediction(FileSystem& fs, Clock& clock, FileMemo& memo, const remote_v1::Compile& request);

  // Once. The calling thread stands in the request's working directory afterwards, and keeps one of
  // its own.
  absl::Status Run(const GoOn& go_on);
  // After Run(), where it sends one text: sends files instead.
  absl::Status SendFiles(const GoOn& go_on);

  // After Run(), where it sends files: sends those only that the compiler says it reads, instead of
  // what any branch could include. False: they are what was sent.
  absl::StatusOr<bool> SendOnlyWhatIsRead(const GoOn& go_on);

  bool sends_text() const { return text_.has_value(); }
  // Of a bundle that came of one text: what the files would have given. False: what was printed or
  // written may be another than theirs.
  bool Complete(std::string* bundle) const;

  const SentCompile& sent() const { return sent_; }
  // Of the last prediction, for tests against the compiler's own word.
  const Prediction& prediction() const { return prediction_; }

 private:
  // A unit as one text.
  struct Text {
    std::string text;
    std::string source;        // real path, where it stands in for what is there
    std::string dependencies;  // as the preprocessor wrote them
    TemporaryFile file;        // it is sent from here
  };

  absl::Status Understand();
  absl::Status Predict(const GoOn& go_on);
  CompileDescription Description() const;
  // Says why not.
  absl::Status SendText(const GoOn& go_on);
  absl::StatusOr<Text> Preprocess(const GoOn& go_on);
  absl::StatusOr<CapturedRun> RunCompiler(const std::vector<std::string>& words,
                                          uint64_t max_output, const GoOn& go_on);
  absl::StatusOr<std::vector<std::string>> AskCompiler(const GoOn& go_on);

  FileSystem& fs_;
  Clock& clock_;
  FileMemo& memo_;
  const remote_v1::Compile& request_;
  Environment environment_;
  ToolchainFacts toolchain_;
  Invocation invocation_;
  std::string real_root_;
  std::optional<std::vector<std::string>> read_;  // as the compiler says, where it had to be asked
  Prediction prediction_;
  std::optional<Text> text_;
  SentCompile sent_;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_UNIT_PREDICTION_H_
