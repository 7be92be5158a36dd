#ifndef HPCC_CACHE_UNIT_RECORD_H_
#define HPCC_CACHE_UNIT_RECORD_H_

// What is remembered about the last miss or refusal of one translation unit, so that `hpcc explain`
// and `hpcc inspect` can answer. Written where the decision is made, once per miss; kept in the
// store under the unit's source and under its output.
//
// The stored form is written down in unit_record.cc beside its encoder and has a golden test.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "store/store.h"

namespace hpcc {

// Why there was no hit. Values are written to disk: append only.
struct MissReason {
  enum class Kind : uint8_t {
    kNone = 0,          // there was a hit
    kFirstCompile = 1,  // this unit was never seen here
    kSourceChanged = 2,
    kHeaderChanged = 3,   // subject: the header
    kHeaderAppeared = 4,  // subject: a path that would now be found earlier, or at all
    kHeaderVanished = 5,  // subject: a file that was read and is gone
    kFlagsChanged = 6,    // before, after: the words that differ
    kCompilerChanged = 7,
    kEnvironmentChanged = 8,  // subject: the variable
    kDirectoryChanged = 9,    // working directory, where it reaches the output
    kResultEvicted = 10,      // recorded, but the result is no longer kept
    kResultCorrupt = 11,
    kDiagnosticsDiffer = 12,    // kept for another kind of terminal
    kPreprocessedChanged = 13,  // source_mode preprocessed: the text differs
    kNotCacheable = 14,         // subject: the rule's name; after: its detail
    kInputChanged = 15,         // subject: a file named by a flag (profile, plugin, specs, …)
    kIncompleteResult = 16,     // the kept result lacks an output now asked for; subject: which
  };
  Kind kind = Kind::kNone;
  std::string subject;
  std::string before;
  std::string after;
};

std::string_view MissReasonName(MissReason::Kind kind);  // "header-changed"
// One or two sentences for a user.
std::string DescribeMissReason(const MissReason& reason);

// Where a unit was compiled, and why no worker did it.
struct CompilePlace {
  // Values are written to disk: append only.
  enum class Kind : uint8_t {
    kHere = 0,
    kWorker = 1,
    kWorkersCache = 2,  // a worker had compiled it before
  };
  Kind kind = Kind::kHere;
  // Of kHere: number of the cause (remote/fallback_cause.h), and what was said beside it. 0: no
  // worker was to be asked.
  uint8_t cause = 0;
  std::string detail;
};

struct UnitRecord {
  int64_t time_ns = 0;  // since the epoch
  std::string cwd;
  std::string source;    // absolute
  std::string output;    // absolute
  std::string compiler;  // path
  MissReason reason;

  // What the key was made of, to compare the next miss with.
  Digest toolchain;
  Digest source_digest;
  std::vector<std::string> arguments;    // normalized
  std::vector<std::string> environment;  // "NAME=value" of the relevant ones
  std::vector<std::string> inputs;       // "path digest" of files named by flags
  Digest direct_key;                     // zero when not cacheable
  Digest result_key;                     // zero when nothing was stored

  CompilePlace place;
};

std::string EncodeUnitRecord(const UnitRecord& record);
// DataLoss when `bytes` is no encoding of this version or of one before it.
absl::StatusOr<UnitRecord> DecodeUnitRecord(std::string_view bytes);

// Where the record of a source or output file (absolute, lexically normal path) is kept.
StoreKey UnitKey(std::string_view absolute_path);

}  // namespace hpcc

#endif  // HPCC_CACHE_UNIT_RECORD_H_
