#ifndef HPCC_DISPATCH_UNIT_PREDICTION_H_
#define HPCC_DISPATCH_UNIT_PREDICTION_H_

// From a wrapper's request to what is sent for it: the command line is read again, what the compile
// will read is predicted, and where the text doesn't say it, the compiler is asked (-M).

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "cache/file_memo.h"
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

  const SentCompile& sent() const { return sent_; }
  // Of the last prediction, for tests against the compiler's own word.
  const Prediction& prediction() const { return prediction_; }

 private:
  absl::Status Understand();
  absl::Status Predict(const GoOn& go_on);
  absl::StatusOr<std::vector<std::string>> AskCompiler(const GoOn& go_on);

  FileSystem& fs_;
  Clock& clock_;
  FileMemo& memo_;
  const remote_v1::Compile& request_;
  Environment environment_;
  ToolchainFacts toolchain_;
  Invocation invocation_;
  std::string real_root_;
  Prediction prediction_;
  SentCompile sent_;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_UNIT_PREDICTION_H_
