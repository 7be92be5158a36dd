#ifndef HPCC_CACHE_RESULT_CACHE_H_
#define HPCC_CACHE_RESULT_CACHE_H_

// Compile results by key: the two lookups of DESIGN.md section 5 and the commit after a miss.
// Knows what is kept and when it may be used; runs no compiler and writes no output file.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "cache/closure_check.h"
#include "cache/closure_record.h"
#include "cache/direct_entry.h"
#include "cache/result_bundle.h"
#include "cache/unit.h"
#include "cache/unit_record.h"
#include "store/store.h"
#include "store/tiered_store.h"

namespace hpcc {

struct Lookup {
  std::optional<ResultBundle> hit;
  uint64_t bytes = 0;     // of the hit, as stored
  size_t hit_record = 0;  // which of `entry` it was, for a direct hit

  // Without a hit:
  MissReason reason;
  bool ask_preprocessor = false;        // only it can tell; see LookUpPreprocessed
  std::optional<NotCacheable> refusal;  // known not to be cacheable as things are
  bool corrupt_entry = false;           // something damaged was found and removed

  DirectEntry entry;  // as found here, for the commit
  // As other machines left it in each of the shared caches that were asked, in their order: nothing
  // of one that could not be read.
  std::vector<std::optional<DirectEntry>> shared_entries;
  // The latest change among the files looked at: a compile started in the same instant could not be
  // told from one started before.
  int64_t newest_change_ns = 0;
};

// What a compile left behind.
struct CompileOutcome {
  int64_t started_ns = 0;  // on the file system's clock, before the compiler ran
  int64_t compile_ns = 0;
  // Not kNone only when writing `dependencies` in that style gave what the compiler wrote.
  DependencyStyle dependency_style = DependencyStyle::kNone;
  std::vector<BundleDependency> dependencies;  // as the compiler prints them, the source first
  std::vector<BundlePart> parts;               // outputs and non-empty streams
};

class ResultCache {
 public:
  // All outlive the cache. `memo` may be null. `shared_entries` hold what is remembered for direct
  // lookups by this and other machines together, where `store` holds this one's alone. They are
  // asked one after the other when nothing known here holds; each may know what no other does.
  ResultCache(Store& store, FileSystem& fs, Clock& clock, bool compress, FileMemo* memo = nullptr,
              std::vector<StoreTier> shared_entries = {})
      : store_(store),
        fs_(fs),
        clock_(clock),
        compress_(compress),
        memo_(memo),
        shared_entries_(std::move(shared_entries)) {}

  Lookup LookUpDirect(const Unit& unit);

  // Whether a look-up that found `record` would find it again now: the closure holds, diagnostics
  // fit, and the result is still kept. Stamps in `record` are renewed on the way; `plan` is as for
  // ClosureChecker::Check.
  bool StillHits(const Unit& unit, DirectRecord* record, std::optional<ClosurePlan>* plan);

  // After the preprocessor ran: `files` as RecordClosure made them, `text` the digest of its
  // output.
  Lookup LookUpPreprocessed(const Unit& unit, const std::vector<RecordedFile>& files,
                            const Digest& text);

  // The result under a key, if it is kept and has all that `invocation` asks for. Otherwise says in
  // `lookup` why not; what is damaged is removed.
  std::optional<ResultBundle> LoadResult(const Invocation& invocation, const Digest& result_key,
                                         Lookup* lookup);

  struct Kept {
    Digest key;
    uint64_t bytes = 0;  // of the result, as stored
  };

  // Keeps the outcome under what `closure` says, and remembers `closure` for direct lookups. The
  // error is why it could not be stored.
  absl::StatusOr<Kept> Commit(const Unit& unit, const Lookup& lookup, ClosureResult closure,
                              const CompileOutcome& outcome);

  // The same after LookUpPreprocessed missed.
  absl::StatusOr<Kept> CommitPreprocessed(const Unit& unit, const ClosureResult& closure,
                                          const Digest& text, const CompileOutcome& outcome);

  // Remembers that only the preprocessor can tell for this unit.
  absl::Status CommitNeedsPreprocessor(const Unit& unit, const Lookup& lookup,
                                       const std::string& why);

  // Remembers that the unit is not cacheable while `closure` holds.
  absl::Status CommitRefusal(const Unit& unit, const Lookup& lookup, const ClosureResult& closure,
                             const NotCacheable& refusal);

  // Remembers why there was no hit, for `hpcc explain`.
  absl::Status RememberUnit(const UnitRecord& record);

 private:
  MissReason CompareWithLastUnit(const Unit& unit);
  void LoadEntry(const Unit& unit, Lookup* lookup);
  // The records that are new go behind those of the entry.
  void LoadSharedEntry(const Unit& unit, Store& store, Lookup* lookup);
  // Goes through the records of the entry from `first` on. True: one of them decides.
  bool CheckRecords(const Unit& unit, ClosureChecker& checker, size_t first, Lookup* lookup);
  bool Decides(const Unit& unit, ClosureChecker& checker, size_t index, Lookup* lookup);
  // For this machine alone.
  absl::Status PutRecord(const Unit& unit, const Lookup& lookup, DirectRecord record);
  // For all who ask one of the shared caches that were looked at.
  void ShareWith(size_t tier, const Unit& unit, const Lookup& lookup, const DirectRecord& record);
  // For all.
  absl::Status ShareRecord(const Unit& unit, const Lookup& lookup, DirectRecord record);
  absl::StatusOr<Kept> PutResult(const Unit& unit, const Digest& key,
                                 const CompileOutcome& outcome);

  Store& store_;
  FileSystem& fs_;
  Clock& clock_;
  bool compress_;
  FileMemo* memo_;
  std::vector<StoreTier> shared_entries_;
};

// The record of `unit` as it stands, without a reason. Paths are made absolute.
UnitRecord DescribeUnit(const Unit& unit, int64_t now_ns);

}  // namespace hpcc

#endif  // HPCC_CACHE_RESULT_CACHE_H_
