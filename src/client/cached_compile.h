#ifndef HPCC_CLIENT_CACHED_COMPILE_H_
#define HPCC_CLIENT_CACHED_COMPILE_H_

// One compile through the cache: look up, else run the compiler once and keep what it did.
//
// Whatever fails in here, the answer is "run the compiler plainly" as long as the compiler has not
// run yet, and the compiler's own exit status afterwards: a build never breaks because of hpcc.

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/process.h"
#include "cache/result_cache.h"
#include "cache/statistics.h"
#include "cache/unit.h"
#include "client/cache_chain.h"
#include "client/compile_run.h"
#include "client/compiler_search.h"
#include "client/dependency_output.h"
#include "config/config.h"

namespace hpcc {

class CachedCompile {
 public:
  // All outlive the object.
  CachedCompile(const Config& config, FileSystem& fs, Clock& clock, const Environment& environment,
                const FoundCompiler& compiler);

  // The exit status to end with; nothing when the compiler is to be run plainly instead.
  std::optional<ExitStatus> Run();

 private:
  // Steps of Run(). False: run the compiler plainly.
  bool Understand();
  bool DependencyFileHasPlace();
  bool IdentifyToolchain();
  bool PrepareUnit();

  std::optional<ExitStatus> RunDirect();
  std::optional<ExitStatus> RunPreprocessed(const Lookup& direct);
  // What the compiler's preprocessor says of the unit as it is now. The error is why the unit is
  // not cacheable.
  struct Preprocessed {
    ReadDependencies dependencies;
    ClosureResult closure;
    Digest text;
    std::optional<NotCacheable> refusal;
  };
  Preprocessed AskPreprocessor(int64_t started_ns);
  std::optional<ExitStatus> ServeHit(const Lookup& lookup, Counter counter);

  // The compile itself and what follows from it.
  struct Compiled {
    CompileRun run;
    ClosureResult closure;
    CompileOutcome outcome;
    std::optional<NotCacheable> refusal;
  };
  // `preprocessed` is null unless the preprocessor was asked before.
  std::optional<Compiled> Compile(const Lookup& lookup, const Preprocessed* preprocessed);
  void LearnFromRun(Compiled* compiled, const Preprocessed* preprocessed,
                    const OutputsBefore& before);
  absl::StatusOr<ReadDependencies> DependenciesOf(const CompileRun& run,
                                                  const Preprocessed* preprocessed) const;
  // False: the file can't be written, and the compiler must say so itself.
  bool PublishDependencies(Compiled* compiled);
  void KeepDirect(const Lookup& lookup, const Compiled& compiled);
  void KeepPreprocessed(const Lookup& lookup, const Preprocessed& preprocessed,
                        const Compiled& compiled);

  void Refuse(const NotCacheable& refusal);
  void Remember(const MissReason& reason, const Digest& result_key);
  void RememberKept(const Lookup& lookup, const absl::StatusOr<ResultCache::Kept>& kept);
  void CountMiss(const Lookup& lookup);
  void Count(Counter counter, uint64_t amount = 1);
  void StoreFailed(const absl::Status& status);

  const Config& config_;
  FileSystem& fs_;
  Clock& clock_;
  const Environment& environment_;
  const FoundCompiler& compiler_;
  CacheChain chain_;
  ResultCache cache_;
  std::unique_ptr<Statistics> statistics_;  // null where they can't be kept

  std::string cwd_;
  Invocation invocation_;
  ToolchainFacts toolchain_;
  Unit unit_;
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_CACHED_COMPILE_H_
