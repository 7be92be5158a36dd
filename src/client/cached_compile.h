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
#include "cache/unit.h"
#include "client/cache_chain.h"
#include "client/compile_journal.h"
#include "client/compile_run.h"
#include "client/compile_subject.h"
#include "client/daemon_client.h"
#include "client/dependency_output.h"
#include "client/hit_outputs.h"
#include "config/config.h"

namespace hpcc {

class CachedCompile {
 public:
  // All outlive the object.
  CachedCompile(const Config& config, FileSystem& fs, Clock& clock, const CompileRequest& command);

  // The exit status to end with; nothing when the compiler is to be run plainly instead.
  std::optional<ExitStatus> Run();

 private:
  // Whether a step of the subject went well; else what it says is noted: run the compiler plainly.
  bool Succeeded(const std::optional<NotCacheable>& refusal);
  bool Identify();  // once is enough
  // Everything the keys are made of.
  bool Prepare();

  // The answer of the daemon, where there is one that may be asked.
  DaemonClient::Answer AskDaemon();
  // Whether the daemon sent what the command line promises, all of it, in its order.
  bool IsComplete(const daemon_v1::Hit& hit) const;
  // The outputs of the daemon's hit. NotFound: it can't be served, but another look may find more.
  absl::Status WriteAside(DaemonClient::Hit* hit, HitOutputs* outputs);
  absl::Status AddOutputs(const ResultBundle& bundle, HitOutputs* outputs) const;
  // What a hit ends with, unless `status`, of what came before, is an error: nothing then.
  std::optional<ExitStatus> PutInPlace(absl::Status status, HitOutputs* outputs,
                                       std::string_view out, std::string_view err);
  // The compile under the daemon's lease, which keeps the result where it can.
  std::optional<ExitStatus> RunLeased(const DaemonClient::Lease& lease);

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
  std::optional<CompileRun> StartCompile(int64_t newest_change_ns);
  // What the run tells, and the user's dependency file. False: see PublishDependencies.
  bool FinishCompile(Compiled* compiled, const Preprocessed* preprocessed,
                     const OutputsBefore& before);
  void LearnFromRun(Compiled* compiled, const Preprocessed* preprocessed,
                    const OutputsBefore& before);
  absl::StatusOr<ReadDependencies> DependenciesOf(const CompileRun& run,
                                                  const Preprocessed* preprocessed) const;
  // False: the file can't be written, and the compiler must say so itself.
  bool PublishDependencies(Compiled* compiled);
  bool WriteDependencies(std::string_view text);
  void KeepDirect(const Lookup& lookup, const Compiled& compiled);
  void KeepPreprocessed(const Lookup& lookup, const Preprocessed& preprocessed,
                        const Compiled& compiled);

  const Config& config_;
  FileSystem& fs_;
  Clock& clock_;
  const CompileRequest& command_;
  CacheChain chain_;
  ResultCache cache_;

  std::unique_ptr<DaemonClient> daemon_;  // null while working alone
  CompileSubject subject_;
  CompileJournal journal_;
  bool identified_ = false;
  // Parts of `subject_`, for short.
  const Invocation& invocation_;
  const Unit& unit_;
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_CACHED_COMPILE_H_
