#include "client/compile_journal.h"

#include "base/logging.h"
#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// Refusals a user would want explained: commands that look like a compile of one source.
bool IsWorthRemembering(const Invocation& invocation, const NotCacheable& refusal) {
  if (invocation.source.empty()) return false;
  switch (refusal.reason) {
    case NotCacheableReason::kNotACompile:
    case NotCacheableReason::kLinks:
    case NotCacheableReason::kPreprocessesOnly:
    case NotCacheableReason::kDependenciesOnly:
    case NotCacheableReason::kSourceFromStdin:
      return false;
    default:
      return true;
  }
}

}  // namespace

void CompileJournal::Count(Counter counter, uint64_t amount) {
  if (statistics_ == nullptr) {
    absl::StatusOr<std::unique_ptr<Statistics>> statistics =
        Statistics::Open(fs_, config_.local_directory);
    if (!statistics.ok()) return;
    statistics_ = *std::move(statistics);
  }
  statistics_->Add(counter, amount);
}

void CompileJournal::Refuse(const NotCacheable& refusal) {
  Log(LogLevel::kInfo,
      StrCat("not cacheable: ", NotCacheableReasonName(refusal.reason), " ", refusal.detail));
  Count(static_cast<Counter>(static_cast<int>(Counter::kNotCacheableFirst) +
                             static_cast<int>(refusal.reason)));
  const Invocation& invocation = subject_.invocation();
  if (!IsWorthRemembering(invocation, refusal)) return;
  UnitRecord record;
  record.time_ns = clock_.NowNanoseconds();
  record.cwd = command_.cwd;
  record.source = path::Normalize(path::Join(command_.cwd, invocation.source));
  if (!invocation.output.empty()) {
    record.output = path::Normalize(path::Join(command_.cwd, invocation.output));
  }
  record.compiler = command_.compiler.path;
  record.reason = {.kind = MissReason::Kind::kNotCacheable,
                   .subject = std::string(NotCacheableReasonName(refusal.reason)),
                   .after = refusal.detail};
  record.place = place_;
  cache_.RememberUnit(record).IgnoreError();
}

void CompileJournal::CountMiss(const Lookup& lookup) {
  Count(Counter::kMiss);
  if (LogIsOpen()) {
    Log(LogLevel::kInfo, StrCat("miss: ", MissReasonName(lookup.reason.kind), " ",
                                lookup.reason.subject, " (", subject_.invocation().source, ")"));
  }
}

void CompileJournal::RememberKept(const Lookup& lookup,
                                  const absl::StatusOr<ResultCache::Kept>& kept) {
  if (kept.ok()) {
    Count(Counter::kBytesWritten, kept->bytes);
  } else {
    StoreFailed(kept.status());
  }
  UnitRecord record = DescribeUnit(subject_.unit(), clock_.NowNanoseconds());
  record.reason = lookup.reason;
  record.result_key = kept.ok() ? kept->key : Digest();
  record.place = place_;
  cache_.RememberUnit(record).IgnoreError();
}

void CompileJournal::StoreFailed(const absl::Status& status) {
  Log(LogLevel::kWarning, StrCat("not stored: ", std::string(status.message())));
  Count(Counter::kStoreError);
}

}  // namespace hpcc
