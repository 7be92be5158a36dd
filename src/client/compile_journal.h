#ifndef HPCC_CLIENT_COMPILE_JOURNAL_H_
#define HPCC_CLIENT_COMPILE_JOURNAL_H_

// What is noted about one compile: the counters of `hpcc stats` and the record that `hpcc explain`
// reads. Nothing here can fail a compile: what can't be noted isn't.

#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/file_system.h"
#include "cache/result_cache.h"
#include "cache/statistics.h"
#include "client/compile_subject.h"
#include "config/config.h"

namespace hpcc {

class CompileJournal {
 public:
  // All outlive the object.
  CompileJournal(const Config& config, FileSystem& fs, Clock& clock, const CompileRequest& command,
                 const CompileSubject& subject, ResultCache& cache)
      : config_(config),
        fs_(fs),
        clock_(clock),
        command_(command),
        subject_(subject),
        cache_(cache) {}

  void Count(Counter counter, uint64_t amount = 1);
  // Where the compile that is told of next took place.
  void TookPlace(CompilePlace place) { place_ = std::move(place); }
  const CompilePlace& place() const { return place_; }
  // The compiler runs plainly, or its result isn't kept.
  void Refuse(const NotCacheable& refusal);
  void CountMiss(const Lookup& lookup);
  // After a miss: what became of its result.
  void RememberKept(const Lookup& lookup, const absl::StatusOr<ResultCache::Kept>& kept);
  void StoreFailed(const absl::Status& status);

 private:
  const Config& config_;
  FileSystem& fs_;
  Clock& clock_;
  const CompileRequest& command_;
  const CompileSubject& subject_;
  ResultCache& cache_;
  CompilePlace place_;
  std::unique_ptr<Statistics> statistics_;  // null until needed, and where they can't be kept
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_COMPILE_JOURNAL_H_
