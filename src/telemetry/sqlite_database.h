#ifndef HPCC_TELEMETRY_SQLITE_DATABASE_H_
#define HPCC_TELEMETRY_SQLITE_DATABASE_H_

// SQLite (https://sqlite.org/cintro.html) with our errors and lifetimes: a database and its
// statements, nothing more. Not thread-safe.

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"

namespace hpcc {

// A prepared statement. Parameters are numbered from 1, columns from 0.
class SqliteStatement {
 public:
  SqliteStatement() = default;

  // The text must live until the statement has been stepped to its end, or reset.
  void Bind(int parameter, std::string_view text);
  void Bind(int parameter, int64_t number);

  // True: there is a row to look at. False: the statement is done. As errors of SQLite map: see
  // SqliteDatabase. Lost after an error or the end: Reset first.
  absl::StatusOr<bool> Step();
  // Steps to the end and resets; for statements that give no rows.
  absl::Status Run();
  // Back to the beginning; parameters are unbound.
  void Reset();

  bool IsText(int column) const;
  bool IsInteger(int column) const;
  // Valid until the next Step or Reset. Any bytes, also NUL.
  std::string_view Text(int column) const;
  int64_t Integer(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

// Errors: ResourceExhausted (the disk is full), Unavailable (somebody else held the lock for
// longer than the bound), DataLoss (damaged, or no database), PermissionDenied (can't be opened or
// written), AlreadyExists (a constraint), Internal (else). Messages are SQLite's, with the path.
class SqliteDatabase {
 public:
  enum class Mode : uint8_t { kReadOnly, kReadWriteCreate };

  // `vfs`: a registered VFS, "" for the default.
  static absl::StatusOr<SqliteDatabase> Open(const std::string& path, Mode mode,
                                             const std::string& vfs = "");

  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql);
  // One or more statements that give no rows anybody looks at.
  absl::Status Execute(const std::string& sql);
  // The first column of the first row.
  absl::StatusOr<int64_t> QueryInteger(std::string_view sql);

 private:
  struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_SQLITE_DATABASE_H_
