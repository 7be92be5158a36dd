#ifndef HPCC_TELEMETRY_AUDIT_LOG_H_
#define HPCC_TELEMETRY_AUDIT_LOG_H_

// The durable record of what a worker or scheduler did: a SQLite database (WAL) with a row for each
// job and each security event, each table hash-chained (telemetry/audit_row.h).
//
//   audit_row       (sequence, the columns of AuditRow, previous_hash, row_hash)
//   security_event  (sequence, the columns of SecurityEventRow, previous_hash, row_hash)
//   chain_head      (chain: "audit_row" | "security_event", rows, head): the number of rows and the
//                   row_hash of the last, written in the transaction that adds rows, so that rows
//                   taken off the end show too
//
// `PRAGMA user_version` is the version of this layout: 1. Rows are only ever added. Whoever can
// write the whole file can write a chain anew: note heads elsewhere (`hpcc audit verify` prints
// them, and checks against one that was noted).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "telemetry/audit_row.h"

namespace hpcc {

struct AuditLogOptions {
  std::string path;  // absolute; made with mode 0600, in a directory that exists
  // Tests put a VFS of their own in (https://sqlite.org/vfs.html); "": the machine's.
  std::string vfs;
};

// Thread-safe; several processes may append to one log.
class AuditLog {
 public:
  // Opens the log, making it if there is none. FailedPrecondition: it is of a newer hpcc. DataLoss:
  // it is damaged.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const AuditLogOptions& options);
  ~AuditLog();  // what was appended before is written first
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Returns when the row is on the disk (synchronous=FULL): only then may the job be answered. Rows
  // of threads that come at the same time share one transaction. On an error the row is not in the
  // log; AlreadyExists: its job_id is. ResourceExhausted: the disk is full.
  absl::Status Append(const AuditRow& row);
  absl::Status Append(const SecurityEventRow& row);

  // As above, without waiting: `done` is called once, from the log's own thread, when the row is on
  // the disk or can't be. It holds up all rows that come after; it may append, too.
  using Done = std::function<void(const absl::Status& written)>;
  void AppendLater(AuditRow row, Done done);

 private:
  struct State;
  explicit AuditLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_AUDIT_LOG_H_
