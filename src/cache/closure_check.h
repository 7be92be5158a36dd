#ifndef HPCC_CACHE_CLOSURE_CHECK_H_
#define HPCC_CACHE_CLOSURE_CHECK_H_

// Whether what was recorded about the files around a unit still holds. This is the hot path of a
// hit: one stat per file and one per directory, and nothing is read unless a stamp differs.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/file_system.h"
#include "cache/direct_entry.h"
#include "cache/file_memo.h"
#include "cache/project_root.h"
#include "cache/unit_record.h"

namespace hpcc {

// Where the files and directories of one record are: made once for a record that is checked often.
struct ClosurePlan {
  std::string cwd;
  std::string root;  // the project's; "": there is none
  StatPlan places;   // the record's files, then its directories
};

// Checks records of one unit. Remembers what it looked at, so that a second record costs little.
// Not thread-safe.
class ClosureChecker {
 public:
  // `cwd` is absolute; `now_ns` is the file system's clock (Clock::FileStampNanoseconds).
  // `memo` may be null.
  ClosureChecker(FileSystem& fs, std::string cwd, const ProjectRoot& root, int64_t now_ns,
                 FileMemo* memo = nullptr);

  // Nothing when the record holds, else the first thing that doesn't. Stamps in `record` that were
  // out of date, or not to be trusted yet, are renewed on the way; see renewed().
  // `plan`, where there is one, is of this record as it was checked before, or empty, and is made
  // anew where it is for another working directory or root.
  std::optional<MissReason> Check(DirectRecord* record, std::optional<ClosurePlan>* plan = nullptr);

  // How much renewing saved work next time: files that had to be read, and names that had to be
  // looked at one by one because their directory had changed.
  size_t renewed() const { return renewed_; }

  // The latest change among the files looked at; 0 when there were none.
  int64_t newest_change_ns() const { return newest_change_ns_; }

 private:
  struct Seen {
    FileStamp stamp;
    std::optional<Digest> digest;
  };

  ClosurePlan PlanOf(const DirectRecord& record) const;
  std::optional<MissReason> CheckFile(const std::string& path, const StatResult& found,
                                      RecordedFile* file);
  std::optional<MissReason> CheckDirectory(const std::string& path, const StatResult& found,
                                           RecordedDirectory* directory);
  std::optional<MissReason> CheckPlace(const RecordedPlace& place) const;
  std::string Resolve(const std::string& recorded) const;
  std::optional<Digest> DigestOf(const std::string& path, FileStamp* stamp);

  FileSystem& fs_;
  std::string cwd_;
  const ProjectRoot& root_;
  int64_t now_ns_;
  FileMemo* memo_;
  size_t renewed_ = 0;
  int64_t newest_change_ns_ = 0;
  std::unordered_map<std::string, Seen> read_;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_CLOSURE_CHECK_H_
