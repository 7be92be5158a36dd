#ifndef HPCC_BASE_PROCESS_H_
#define HPCC_BASE_PROCESS_H_

// Child processes. Two uses, two calls: asking a tool something with a bound on time and output
// (RunCaptured), and running the user's compiler in the caller's own context while its streams are
// both passed on and kept (RunAndRecord).

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/environment.h"

namespace hpcc {

struct ExitStatus {
  int code = 0;    // as exit() got it; meaningless when signal != 0
  int signal = 0;  // the signal that ended the process, or 0

  bool success() const { return code == 0 && signal == 0; }
};

struct CapturedRun {
  ExitStatus exit;
  std::string out;
  std::string err;
};

struct CaptureLimits {
  std::chrono::milliseconds timeout{10'000};
  size_t max_output_bytes = size_t{64} << 20;  // of each stream
};

// Runs `argv` (argv[0] is a path) with an empty standard input and waits for it. DeadlineExceeded
// or ResourceExhausted when a limit is reached: the child is killed then.
absl::StatusOr<CapturedRun> RunCaptured(const std::vector<std::string>& argv,
                                        const Environment& environment,
                                        const CaptureLimits& limits = {});

// The same in two steps, for those who have something to do meanwhile. What it writes is read by
// Wait(): one that writes more than a pipe holds goes no further before that.
class CapturedProcess {
 public:
  static absl::StatusOr<CapturedProcess> Start(const std::vector<std::string>& argv,
                                               const Environment& environment,
                                               const CaptureLimits& limits = {});
  // One that was not waited for is killed.
  ~CapturedProcess();
  CapturedProcess(CapturedProcess&&) noexcept;
  CapturedProcess& operator=(CapturedProcess&&) noexcept = delete;

  // As RunCaptured; once. The time allowed began with Start().
  absl::StatusOr<CapturedRun> Wait();

 private:
  struct State;
  explicit CapturedProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  // null: moved from, or waited for
};

struct RecordedRun {
  ExitStatus exit;
  std::string out;  // what went to standard output
  std::string err;  // what went to standard error
  // False when a stream was longer than the limit: it was passed on whole but not kept.
  bool complete = true;
  int64_t wall_nanoseconds = 0;
};

// Runs the program at `path` as `argv` with everything inherited from this process: standard input,
// descriptors, umask, limits, process group. Its standard output and error arrive at ours as they
// are written and are kept up to `max_stream_bytes` each. Where ours is a terminal the child gets a
// terminal of the same size, so that colours and widths are what this terminal would have got.
// SIGINT, SIGTERM and SIGHUP are passed on to the child. An error means that the child was never
// started.
absl::StatusOr<RecordedRun> RunAndRecord(const std::string& path,
                                         const std::vector<std::string>& argv,
                                         const Environment& environment, size_t max_stream_bytes);

// Writes all of `data`, waiting where a pipe is full, as a compiler would; what nobody reads any
// more is dropped.
void WriteToStream(int descriptor, std::string_view data);

// Replaces this process. Returns only when that failed.
absl::Status Exec(const std::string& path, const std::vector<std::string>& argv,
                  const Environment& environment);

// Ends this process as the child ended: exit(code), or death by the same signal without a core.
[[noreturn]] void ExitLike(const ExitStatus& exit);

}  // namespace hpcc

#endif  // HPCC_BASE_PROCESS_H_
