#include "cache/result_cache.h"

#include <algorithm>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// Rewriting an entry costs more than looking at a few names one by one.
constexpr size_t kWorthRenewing = 16;

StoreKey DirectKey(const Unit& unit) {
  return {StoreNamespace::kDirect, unit.direct_key};
}

bool HasDiagnostics(const CompileOutcome& outcome) {
  return std::any_of(outcome.parts.begin(), outcome.parts.end(), [](const BundlePart& part) {
    return part.kind == kStdoutPart || part.kind == kStderrPart;
  });
}

// Whether the project's place shows in what would be kept: then it is good for this place only.
bool NamesRoot(const Unit& unit, const CompileOutcome& outcome) {
  return unit.root.marked() &&
         std::any_of(outcome.parts.begin(), outcome.parts.end(), [&](const BundlePart& part) {
           return StrContains(part.data, unit.root.directory());
         });
}

std::string TerminalOf(const Unit& unit, const CompileOutcome& outcome) {
  if (!HasDiagnostics(outcome)) return "";
  return unit.request.terminal.empty() ? "none" : unit.request.terminal;
}

bool TerminalFits(const Unit& unit, const std::string& recorded) {
  return recorded.empty() ||
         recorded == (unit.request.terminal.empty() ? "none" : unit.request.terminal);
}

std::string EncodeRefusal(const NotCacheable& refusal) {
  std::string detail(1, static_cast<char>(refusal.reason));
  return detail + refusal.detail;
}

std::optional<NotCacheable> DecodeRefusal(const std::string& detail) {
  if (detail.empty() || static_cast<uint8_t>(detail[0]) >= kNotCacheableReasonCount) {
    return std::nullopt;
  }
  return NotCacheable{static_cast<NotCacheableReason>(detail[0]), detail.substr(1)};
}

// The first of `words` that `others` lacks, or "".
std::string FirstMissingFrom(const std::vector<std::string>& others,
                             const std::vector<std::string>& words) {
  const absl::flat_hash_set<std::string_view> known(others.begin(), others.end());
  const auto found = std::find_if(words.begin(), words.end(), [&known](const std::string& word) {
    return !known.contains(word);
  });
  return found == words.end() ? "" : *found;
}

// The first word of each list that isn't in the other, as (before, after). Where both have the same
// words, in another order or number, the first place at which they differ.
std::pair<std::string, std::string> FirstDifference(const std::vector<std::string>& before,
                                                    const std::vector<std::string>& after) {
  std::pair<std::string, std::string> words = {FirstMissingFrom(after, before),
                                               FirstMissingFrom(before, after)};
  if (!words.first.empty() || !words.second.empty()) return words;
  size_t i = 0;
  while (i < before.size() && i < after.size() && before[i] == after[i]) ++i;
  return {i < before.size() ? before[i] : "", i < after.size() ? after[i] : ""};
}

}  // namespace

Lookup ResultCache::LookUpDirect(const Unit& unit) {
  Lookup lookup;
  LoadEntry(unit, &lookup);
  ClosureChecker checker(fs_, unit.request.cwd, unit.root, clock_.FileStampNanoseconds(), memo_);
  if (CheckRecords(unit, checker, 0, &lookup)) return lookup;
  for (size_t tier = 0; tier < shared_entries_.size(); ++tier) {
    const size_t known = lookup.entry.records.size();
    LoadSharedEntry(unit, *shared_entries_[tier].store, &lookup);
    if (!CheckRecords(unit, checker, known, &lookup)) continue;
    for (size_t nearer = 0; lookup.hit && nearer < tier; ++nearer) {
      ShareWith(nearer, unit, lookup, lookup.entry.records[lookup.hit_record]);
    }
    return lookup;
  }
  if (lookup.entry.records.empty()) {
    lookup.reason = lookup.corrupt_entry ? MissReason{.kind = MissReason::Kind::kResultCorrupt}
                                         : CompareWithLastUnit(unit);
  } else if (lookup.reason.kind == MissReason::Kind::kNone) {
    lookup.reason.kind = MissReason::Kind::kDirectoryChanged;
    lookup.reason.subject = unit.root.directory();
  }
  return lookup;
}

void ResultCache::LoadEntry(const Unit& unit, Lookup* lookup) {
  const absl::StatusOr<std::string> stored = store_.Get(DirectKey(unit));
  lookup->corrupt_entry |= absl::IsDataLoss(stored.status());
  if (!stored.ok()) return;
  absl::StatusOr<DirectEntry> entry = DecodeDirectEntry(*stored, DecodeNames::kWhenNeeded);
  if (entry.ok()) lookup->entry = *std::move(entry);
  lookup->corrupt_entry |= !entry.ok();
}

void ResultCache::LoadSharedEntry(const Unit& unit, Store& store, Lookup* lookup) {
  const absl::StatusOr<std::string> stored = store.Get(DirectKey(unit));
  std::optional<DirectEntry>& read = lookup->shared_entries.emplace_back();
  lookup->corrupt_entry |= absl::IsDataLoss(stored.status());
  // What can't be read must not be replaced by a guess: it may hold what others remember.
  if (!stored.ok() && !absl::IsNotFound(stored.status()) && !absl::IsDataLoss(stored.status())) {
    return;
  }
  DirectEntry& shared = read.emplace();
  if (!stored.ok()) return;
  absl::StatusOr<DirectEntry> entry = DecodeDirectEntry(*stored, DecodeNames::kWhenNeeded);
  lookup->corrupt_entry |= !entry.ok();
  if (!entry.ok()) return;
  const size_t known_here = lookup->entry.records.size();
  for (DirectRecord& record : entry->records) {
    shared.records.push_back(WithoutStamps(std::move(record)));
    const DirectRecord& last = shared.records.back();
    const auto here = lookup->entry.records.begin();
    const bool known = std::any_of(here, here + known_here, [&last](const DirectRecord& other) {
      return SameRecord(last, other);
    });
    if (!known) lookup->entry.records.push_back(last);
  }
}

bool ResultCache::CheckRecords(const Unit& unit, ClosureChecker& checker, size_t first,
                               Lookup* lookup) {
  const bool from_others = first > 0 || !lookup->shared_entries.empty();
  for (size_t i = first; i < lookup->entry.records.size(); ++i) {
    if (!Decides(unit, checker, i, lookup)) continue;
    if (lookup->hit && (i > 0 || from_others || checker.renewed() >= kWorthRenewing)) {
      PutRecord(unit, *lookup, lookup->entry.records[i]).IgnoreError();
    }
    return true;
  }
  return false;
}

bool ResultCache::Decides(const Unit& unit, ClosureChecker& checker, size_t index, Lookup* lookup) {
  DirectRecord& record = lookup->entry.records[index];
  if (!record.root.empty() && record.root != unit.root.directory()) return false;
  std::optional<MissReason> reason = checker.Check(&record);
  lookup->newest_change_ns = std::max(lookup->newest_change_ns, checker.newest_change_ns());
  if (!reason && record.kind == DirectRecord::Kind::kPreprocess) {
    lookup->ask_preprocessor = true;
    return true;
  }
  if (!reason && record.kind == DirectRecord::Kind::kNotCacheable) {
    lookup->refusal = DecodeRefusal(record.detail);
    return lookup->refusal.has_value();
  }
  if (!reason && !TerminalFits(unit, record.terminal)) {
    reason = MissReason{.kind = MissReason::Kind::kDiagnosticsDiffer};
  }
  if (!reason) {
    lookup->hit = LoadResult(*unit.request.invocation, record.result_key, lookup);
    if (lookup->hit) lookup->hit_record = index;
    return lookup->hit.has_value();
  }
  if (lookup->reason.kind == MissReason::Kind::kNone) lookup->reason = *std::move(reason);
  return false;
}

bool ResultCache::StillHits(const Unit& unit, DirectRecord* record,
                            std::optional<ClosurePlan>* plan) {
  if (!record->root.empty() && record->root != unit.root.directory()) return false;
  if (!TerminalFits(unit, record->terminal)) return false;
  ClosureChecker checker(fs_, unit.request.cwd, unit.root, clock_.FileStampNanoseconds(), memo_);
  return !checker.Check(record, plan) &&
         store_.Touch({StoreNamespace::kResult, record->result_key}).ok() &&
         store_.Touch(DirectKey(unit)).ok();
}

Lookup ResultCache::LookUpPreprocessed(const Unit& unit, const std::vector<RecordedFile>& files,
                                       const Digest& text) {
  Lookup lookup;
  const std::string terminal = unit.request.terminal.empty() ? "none" : unit.request.terminal;
  for (const std::string_view candidate : {std::string_view(), std::string_view(terminal)}) {
    lookup.hit = LoadResult(
        *unit.request.invocation,
        PreprocessedResultKey(unit, {.files = &files, .terminal = candidate}, text), &lookup);
    if (lookup.hit) return lookup;
  }
  // Nothing under the key is what every new text looks like; the last compile tells more.
  const MissReason last = CompareWithLastUnit(unit);
  if (lookup.reason.kind == MissReason::Kind::kResultEvicted) {
    lookup.reason = last.kind == MissReason::Kind::kResultEvicted
                        ? MissReason{.kind = MissReason::Kind::kPreprocessedChanged}
                        : last;
  }
  return lookup;
}

std::optional<ResultBundle> ResultCache::LoadResult(const Invocation& invocation,
                                                    const Digest& result_key, Lookup* lookup) {
  absl::StatusOr<std::string> stored = store_.Get({StoreNamespace::kResult, result_key});
  MissReason reason{.kind = MissReason::Kind::kResultEvicted};
  if (stored.ok()) {
    absl::StatusOr<ResultBundle> bundle = DecodeBundle(*stored);
    if (bundle.ok()) {
      const std::string missing = MissingPart(invocation, *bundle);
      if (missing.empty()) {
        lookup->bytes = stored->size();
        return *std::move(bundle);
      }
      reason = MissReason{.kind = MissReason::Kind::kIncompleteResult, .subject = missing};
    } else {
      store_.Remove({StoreNamespace::kResult, result_key}).IgnoreError();
      lookup->corrupt_entry = true;
    }
  }
  if (absl::IsDataLoss(stored.status())) lookup->corrupt_entry = true;
  if (lookup->corrupt_entry) reason.kind = MissReason::Kind::kResultCorrupt;
  if (lookup->reason.kind == MissReason::Kind::kNone) lookup->reason = std::move(reason);
  return std::nullopt;
}

MissReason ResultCache::CompareWithLastUnit(const Unit& unit) {
  const UnitRecord now = DescribeUnit(unit, 0);
  absl::StatusOr<std::string> stored = store_.Get(UnitKey(now.output));
  if (!stored.ok()) stored = store_.Get(UnitKey(now.source));
  if (!stored.ok()) return MissReason{.kind = MissReason::Kind::kFirstCompile};
  const absl::StatusOr<UnitRecord> last = DecodeUnitRecord(*stored);
  if (!last.ok() || last->direct_key.is_zero()) {
    return MissReason{.kind = MissReason::Kind::kFirstCompile};
  }
  const auto differs = [](MissReason::Kind kind, const std::vector<std::string>& before,
                          const std::vector<std::string>& after) {
    MissReason reason{.kind = kind};
    std::tie(reason.before, reason.after) = FirstDifference(before, after);
    const std::string& named = reason.after.empty() ? reason.before : reason.after;
    reason.subject =
        named.substr(0, named.find(kind == MissReason::Kind::kInputChanged ? ' ' : '='));
    return reason;
  };
  if (last->toolchain != now.toolchain) {
    return {.kind = MissReason::Kind::kCompilerChanged, .subject = now.compiler};
  }
  if (last->arguments != now.arguments) {
    return differs(MissReason::Kind::kFlagsChanged, last->arguments, now.arguments);
  }
  if (last->environment != now.environment) {
    return differs(MissReason::Kind::kEnvironmentChanged, last->environment, now.environment);
  }
  if (last->inputs != now.inputs) {
    return differs(MissReason::Kind::kInputChanged, last->inputs, now.inputs);
  }
  if (last->source_digest != now.source_digest) {
    return {.kind = MissReason::Kind::kSourceChanged, .subject = now.source};
  }
  if (last->direct_key != now.direct_key) {
    return {.kind = MissReason::Kind::kDirectoryChanged,
            .subject = now.cwd,
            .before = last->cwd,
            .after = now.cwd};
  }
  return MissReason{.kind = MissReason::Kind::kResultEvicted};
}

absl::Status ResultCache::PutRecord(const Unit& unit, const Lookup& lookup, DirectRecord record) {
  DirectEntry entry;
  entry.records.push_back(std::move(record));
  return store_.Put(DirectKey(unit),
                    EncodeDirectEntry(MergeDirectEntries(std::move(entry), lookup.entry)));
}

// Several machines may do this at once; the last one wins, and what the others added is added again
// when they, or somebody, compile the unit next.
void ResultCache::ShareWith(size_t tier, const Unit& unit, const Lookup& lookup,
                            const DirectRecord& record) {
  const std::optional<DirectEntry>& known = lookup.shared_entries[tier];
  if (!known || shared_entries_[tier].read_only) return;
  DirectEntry entry;
  entry.records.push_back(WithoutStamps(record));
  const DirectEntry merged = MergeDirectEntries(std::move(entry), *known);
  const absl::Status shared =
      shared_entries_[tier].store->Put(DirectKey(unit), EncodeDirectEntry(merged));
  if (!shared.ok()) Log(LogLevel::kInfo, StrCat("not shared: ", std::string(shared.message())));
}

absl::Status ResultCache::ShareRecord(const Unit& unit, const Lookup& lookup, DirectRecord record) {
  for (size_t tier = 0; tier < lookup.shared_entries.size(); ++tier) {
    ShareWith(tier, unit, lookup, record);
  }
  return PutRecord(unit, lookup, std::move(record));
}

absl::StatusOr<ResultCache::Kept> ResultCache::PutResult(const Unit& unit, const Digest& key,
                                                         const CompileOutcome& outcome) {
  ResultBundle bundle;
  bundle.created_ns = clock_.NowNanoseconds();
  bundle.compile_ns = outcome.compile_ns;
  bundle.compiler = unit.request.compiler;
  bundle.source = unit.request.invocation->source;
  bundle.terminal = TerminalOf(unit, outcome);
  bundle.dependency_style = outcome.dependency_style;
  for (const BundleDependency& dependency : outcome.dependencies) {
    bundle.dependencies.push_back({unit.root.ToPortable(dependency.path), dependency.user});
  }
  bundle.parts = outcome.parts;
  const std::string encoded = EncodeBundle(bundle, compress_);
  HPCC_RETURN_IF_ERROR(store_.Put({StoreNamespace::kResult, key}, encoded));
  return Kept{key, encoded.size()};
}

absl::StatusOr<ResultCache::Kept> ResultCache::Commit(const Unit& unit, const Lookup& lookup,
                                                      ClosureResult closure,
                                                      const CompileOutcome& outcome) {
  const std::string terminal = TerminalOf(unit, outcome);
  const std::string root = NamesRoot(unit, outcome) ? unit.root.directory() : "";
  const Digest key = ResultKey(unit, {.files = &closure.files,
                                      .directories = &closure.directories,
                                      .terminal = terminal,
                                      .root = root});
  HPCC_ASSIGN_OR_RETURN(const Kept kept, PutResult(unit, key, outcome));
  DirectRecord record;
  record.result_key = kept.key;
  record.terminal = terminal;
  record.root = root;
  record.files = std::move(closure.files);
  record.directories = std::move(closure.directories);
  record.places = std::move(closure.places);
  HPCC_RETURN_IF_ERROR(ShareRecord(unit, lookup, std::move(record)));
  return kept;
}

absl::StatusOr<ResultCache::Kept> ResultCache::CommitPreprocessed(const Unit& unit,
                                                                  const ClosureResult& closure,
                                                                  const Digest& text,
                                                                  const CompileOutcome& outcome) {
  if (NamesRoot(unit, outcome)) {
    return absl::FailedPreconditionError("the output names the place of the project");
  }
  return PutResult(
      unit,
      PreprocessedResultKey(unit, {.files = &closure.files, .terminal = TerminalOf(unit, outcome)},
                            text),
      outcome);
}

absl::Status ResultCache::CommitNeedsPreprocessor(const Unit& unit, const Lookup& lookup,
                                                  const std::string& why) {
  DirectRecord record;
  record.kind = DirectRecord::Kind::kPreprocess;
  record.detail = why;
  return ShareRecord(unit, lookup, std::move(record));
}

absl::Status ResultCache::CommitRefusal(const Unit& unit, const Lookup& lookup,
                                        const ClosureResult& closure, const NotCacheable& refusal) {
  DirectRecord record;
  record.kind = DirectRecord::Kind::kNotCacheable;
  record.detail = EncodeRefusal(refusal);
  record.files = closure.files;
  record.directories = closure.directories;
  record.places = closure.places;
  return ShareRecord(unit, lookup, std::move(record));
}

absl::Status ResultCache::RememberUnit(const UnitRecord& record) {
  const std::string encoded = EncodeUnitRecord(record);
  if (!record.output.empty()) {
    HPCC_RETURN_IF_ERROR(store_.Put(UnitKey(record.output), encoded));
  }
  return store_.Put(UnitKey(record.source), encoded);
}

UnitRecord DescribeUnit(const Unit& unit, int64_t now_ns) {
  UnitRecord record;
  record.time_ns = now_ns;
  record.cwd = unit.request.cwd;
  record.source = path::Normalize(path::Join(record.cwd, unit.request.invocation->source));
  record.output = path::Normalize(path::Join(record.cwd, unit.request.invocation->output));
  record.compiler = unit.request.compiler;
  record.toolchain = unit.request.toolchain->identity;
  record.source_digest = unit.source_digest;
  record.arguments = unit.arguments;
  record.environment = unit.environment;
  record.inputs = unit.inputs;
  record.direct_key = unit.direct_key;
  return record;
}

}  // namespace hpcc
