#ifndef HPCC_CACHE_CLOSURE_RECORD_H_
#define HPCC_CACHE_CLOSURE_RECORD_H_

// Makes the record of a closure after a compile: hashes what was read, scans it for what mattered
// beyond it, and groups the conditions by directory so that checking them is cheap.

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "cache/direct_entry.h"
#include "cache/file_memo.h"
#include "cache/unit.h"
#include "compiler/include_closure.h"
#include "compiler/not_cacheable.h"

namespace hpcc {

struct ClosureResult {
  // Set: the unit is not to be stored.
  std::optional<NotCacheable> refusal;
  // Set: no closure would be sound; the preprocessor must be asked each time.
  std::optional<std::string> needs_preprocessor;
  // __DATE__, __TIME__ or __TIMESTAMP__ stands in a file of the closure: whether it reaches the
  // output is for the compiler to say.
  bool names_date_or_time = false;

  std::vector<RecordedFile> files;  // the source first
  std::vector<RecordedDirectory> directories;
  std::vector<RecordedPlace> places;
  std::vector<UserHeader> user_headers;  // for each of `files`
};

// `paths` are the files the compiler says it read, the source among them. Everything must have been
// as it is now when the compile started, at `started_ns` on the file system's clock: a file changed
// since then is a refusal. What `memo` knows is not read again.
ClosureResult RecordClosure(FileSystem& fs, Clock& clock, const Unit& unit,
                            const std::vector<std::string>& paths, int64_t started_ns,
                            FileMemo* memo = nullptr);

// Groups `conditions`, true at this moment, under the deepest directory that exists for each.
std::vector<RecordedDirectory> GroupConditions(FileSystem& fs, const std::string& cwd,
                                               const std::vector<PathCondition>& conditions,
                                               int64_t now_ns);

}  // namespace hpcc

#endif  // HPCC_CACHE_CLOSURE_RECORD_H_
