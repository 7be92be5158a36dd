#ifndef HPCC_CLIENT_COMPILE_RUN_H_
#define HPCC_CLIENT_COMPILE_RUN_H_

// Running the user's compiler once, and learning everything from that one run.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/process.h"
#include "cache/result_bundle.h"
#include "cache/unit.h"
#include "client/compiler_search.h"
#include "compiler/not_cacheable.h"

namespace hpcc {

struct CompileRun {
  RecordedRun process;
  int64_t started_ns = 0;  // on the file system's clock, before the compiler started
  // What the compiler wrote as dependency output; nothing when the language has none, or when the
  // compiler removed the file prepared for it, as clang does on an error.
  std::optional<std::string> dependencies;
};

// Waits until a change made from now on can be told from `newest_change_ns` and from the unit's
// source and the headers it names, which takes a tick of the clock at most. Without this, a header
// written by the step before would look as if it had changed during the compile.
void WaitForNextTick(FileSystem& fs, Clock& clock, const Unit& unit, int64_t newest_change_ns);

// Runs the compile. An error means that the compiler was never started.
absl::StatusOr<CompileRun> RunCompile(FileSystem& fs, Clock& clock, const Unit& unit,
                                      const FoundCompiler& compiler);

// What the outputs looked like before the compile, so that one left over from earlier isn't taken
// for one this compile wrote.
class OutputsBefore {
 public:
  OutputsBefore(FileSystem& fs, const Invocation& invocation);
  // Whether the compile wrote every output, as a regular file.
  bool WroteAll(FileSystem& fs, const Invocation& invocation) const;
  // Reads what the compile wrote. A refusal names what is missing, isn't regular, or is too large.
  std::optional<NotCacheable> Collect(FileSystem& fs, const Invocation& invocation,
                                      std::vector<BundlePart>* parts) const;

 private:
  std::vector<std::optional<FileStat>> before_;
};

// Whether a date or time macro of the unit is expanded to something that changes with time: asked
// of the compiler's preprocessor. True also when it can't be found out.
bool DateOrTimeReachesOutput(const Unit& unit, const FoundCompiler& compiler);

// A file of the calling process for a compiler to write to, in TMPDIR; removed by the destructor.
class TemporaryFile {
 public:
  // Creates it, empty.
  static absl::StatusOr<TemporaryFile> Create(FileSystem& fs, const Environment& environment);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  const std::string& path() const { return path_; }

 private:
  TemporaryFile(FileSystem& fs, std::string path) : fs_(&fs), path_(std::move(path)) {}
  FileSystem* fs_;
  std::string path_;
};

inline constexpr uint64_t kMaxDependencyBytes = uint64_t{64} << 20;
// For anything the compiler is asked besides the compile itself: far beyond what a preprocessor
// takes, so that nothing waits for ever.
inline constexpr std::chrono::milliseconds kPreprocessTimeout{600'000};

}  // namespace hpcc

#endif  // HPCC_CLIENT_COMPILE_RUN_H_
