#ifndef HPCC_TELEMETRY_AUDIT_READER_H_
#define HPCC_TELEMETRY_AUDIT_READER_H_

// Reading an audit log while others append to it, or after: asking for rows, and checking that none
// was altered, removed, added or moved. Reads only. Not thread-safe.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "telemetry/audit_row.h"

namespace hpcc {

// What is not set doesn't matter. Times are nanoseconds since the epoch.
struct AuditFilter {
  std::optional<std::string> tenant;
  std::optional<std::string> user;
  std::optional<std::string> job_id;
  std::optional<int64_t> since_ns;  // at this time or later
  std::optional<int64_t> until_ns;  // before this time
  std::optional<bool> hit;
  std::optional<int32_t> exit_status;
  std::optional<bool> operator_command;
};

// The place in a chain up to which it was seen to be whole.
struct ChainHead {
  uint64_t rows = 0;
  Digest head;  // row_hash of the last row; zero for none

  friend bool operator==(const ChainHead&, const ChainHead&) = default;
};

// One thing that is wrong.
struct ChainProblem {
  AuditChain chain = AuditChain::kJobs;
  uint64_t sequence = 0;  // the row's
  std::string job_id;     // as it stands there; "" for a row that isn't there, and for events
  std::string what;       // "was altered", "is missing", ...
};

struct ChainReport {
  ChainHead jobs;
  ChainHead security_events;
  // In the order of rows, at most kMaxChainProblems of each chain; none: the log is whole.
  std::vector<ChainProblem> problems;
};
inline constexpr size_t kMaxChainProblems = 100;

class AuditReader {
 public:
  // NotFound: there is no such file. FailedPrecondition: it is no audit log, or of a newer hpcc.
  static absl::StatusOr<std::unique_ptr<AuditReader>> Open(const std::string& path);
  ~AuditReader();

  // Rows in the order they were appended, until `visit` returns false. DataLoss: a row can't be
  // read as one.
  absl::Status ForEach(const AuditFilter& filter,
                       const std::function<bool(uint64_t sequence, const AuditRow&)>& visit);
  absl::Status ForEachEvent(
      const AuditFilter& filter,
      const std::function<bool(uint64_t sequence, const SecurityEventRow&)>& visit);
  absl::StatusOr<AuditRow> Find(const std::string& job_id);

  // Walks both chains from one moment's state. `noted`: a head of the jobs' chain that was seen
  // before must be in it. An error: the file can't be read at all.
  absl::StatusOr<ChainReport> Verify(const std::optional<ChainHead>& noted = std::nullopt);

 private:
  struct State;
  explicit AuditReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_AUDIT_READER_H_
