#include "telemetry/audit_log.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "base/strings.h"
#include "telemetry/audit_tables.h"
#include "telemetry/sqlite_database.h"

namespace hpcc {

namespace {

constexpr size_t kMaxRowsPerTransaction = 256;

using AnyRow = std::variant<const AuditRow*, const SecurityEventRow*>;

// Somebody who waits for a row to be on the disk. One of them at a time leads: it writes the rows
// of all who wait by then, and hands over to the first who came meanwhile. Each is woken once.
struct Waiter {
  explicit Waiter(AnyRow row) : row(row) {}

  const AnyRow row;
  absl::Status result;
  bool done = false;
  bool leads = false;
  std::condition_variable wake;
};

absl::StatusOr<std::string> Encode(const AnyRow& row, uint64_t sequence) {
  if (const auto* job = std::get_if<const AuditRow*>(&row)) return EncodeAuditRow(**job, sequence);
  return EncodeSecurityEvent(*std::get<const SecurityEventRow*>(row), sequence);
}

// One of the two chains: its statements and where it ends. The end is read anew in each
// transaction, since other processes may append too.
class ChainWriter {
 public:
  static absl::StatusOr<ChainWriter> Make(SqliteDatabase& database, AuditChain chain) {
    ChainWriter writer(chain);
    HPCC_ASSIGN_OR_RETURN(writer.insert_, database.Prepare(InsertSql(chain)));
    HPCC_ASSIGN_OR_RETURN(writer.read_head_,
                          database.Prepare("SELECT rows, head FROM chain_head WHERE chain = ?"));
    HPCC_ASSIGN_OR_RETURN(
        writer.write_head_,
        database.Prepare("UPDATE chain_head SET rows = ?, head = ? WHERE chain = ?"));
    HPCC_ASSIGN_OR_RETURN(
        writer.read_last_,
        database.Prepare(StrCat("SELECT sequence, row_hash FROM ", AuditTableName(chain),
                                " ORDER BY sequence DESC LIMIT 1")));
    return writer;
  }

  // Of a transaction; nothing is known of what others have done before it.
  void Begin() { head_is_read_ = changed_ = false; }

  absl::Status ReadHead() {
    if (head_is_read_) return absl::OkStatus();
    read_head_.Bind(1, AuditTableName(chain_));
    const absl::StatusOr<bool> found = read_head_.Step();
    std::optional<Digest> head;
    if (found.ok() && *found) {
      rows_ = static_cast<uint64_t>(read_head_.Integer(0));
      head = Digest::FromHex(read_head_.Text(1));
    }
    read_head_.Reset();
    HPCC_RETURN_IF_ERROR(found.status());
    if (!head) return absl::DataLossError("the audit log has no head");
    head_ = *head;
    head_is_read_ = true;
    return absl::OkStatus();
  }

  // The row the head was made of is the last one.
  absl::Status CheckHead() {
    const absl::StatusOr<bool> found = read_last_.Step();
    bool whole = rows_ == 0 && head_.is_zero();
    if (found.ok() && *found) {
      whole = static_cast<uint64_t>(read_last_.Integer(0)) == rows_ &&
              read_last_.Text(1) == head_.ToHex();
    }
    read_last_.Reset();
    HPCC_RETURN_IF_ERROR(found.status());
    if (whole) return absl::OkStatus();
    return absl::DataLossError(StrCat("the last row of ", AuditTableName(chain_),
                                      " is not the one that was written last"));
  }

  absl::Status Insert(const AnyRow& row) {
    ChainLink link;
    link.sequence = rows_ + 1;
    link.previous_hash = head_;
    HPCC_ASSIGN_OR_RETURN(const std::string encoded, Encode(row, link.sequence));
    link.row_hash = ChainHash(chain_, link.previous_hash, encoded);
    BoundTexts texts;
    std::visit([&](const auto* typed) { BindRow(insert_, link, *typed, texts); }, row);
    HPCC_RETURN_IF_ERROR(insert_.Run());
    rows_ = link.sequence;
    head_ = link.row_hash;
    changed_ = true;
    return absl::OkStatus();
  }

  absl::Status WriteHead() {
    if (!changed_) return absl::OkStatus();
    const std::string head = head_.ToHex();
    write_head_.Bind(1, static_cast<int64_t>(rows_));
    write_head_.Bind(2, head);
    write_head_.Bind(3, AuditTableName(chain_));
    return write_head_.Run();
  }

 private:
  explicit ChainWriter(AuditChain chain) : chain_(chain) {}

  AuditChain chain_;
  SqliteStatement insert_, read_head_, write_head_, read_last_;
  uint64_t rows_ = 0;
  Digest head_;
  bool head_is_read_ = false;
  bool changed_ = false;
};

absl::Status MakeTables(SqliteDatabase& database) {
  for (const AuditSchemaItem& item : kAuditSchema) {
    HPCC_RETURN_IF_ERROR(database.Execute(std::string(item.sql)));
  }
  const std::string none = Digest().ToHex();
  for (const AuditChain chain : {AuditChain::kJobs, AuditChain::kSecurityEvents}) {
    HPCC_RETURN_IF_ERROR(database.Execute(
        StrCat("INSERT INTO chain_head VALUES ('", AuditTableName(chain), "', 0, '", none, "')")));
  }
  HPCC_RETURN_IF_ERROR(database.Execute(StrCat("PRAGMA user_version = ", kAuditLayoutVersion)));
  return database.Execute(StrCat("PRAGMA application_id = ", kAuditApplicationId));
}

// In a transaction: of several that find an empty file, one makes the tables.
absl::Status PrepareTables(SqliteDatabase& database, const std::string& path) {
  HPCC_ASSIGN_OR_RETURN(const int64_t version, database.QueryInteger("PRAGMA user_version"));
  if (version == kAuditLayoutVersion) return absl::OkStatus();
  HPCC_ASSIGN_OR_RETURN(const int64_t items,
                        database.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (version != 0 || items != 0) {
    return absl::FailedPreconditionError(
        StrCat(path, " is no audit log, or one of another version of hpcc"));
  }
  return MakeTables(database);
}

}  // namespace

struct AuditLog::State {
  State(std::string path, SqliteDatabase database)
      : path(std::move(path)), database(std::move(database)) {}

  absl::Status Prepare();
  // Has `waiter`'s row written, by this thread or by another that is at it.
  absl::Status Write(Waiter& waiter);
  void Commit(std::vector<Waiter*>& batch);
  absl::Status CommitRows(std::vector<Waiter*>& batch);

  ChainWriter& writer_of(const AnyRow& row) {
    return std::holds_alternative<const AuditRow*>(row) ? *jobs : *events;
  }

  const std::string path;
  SqliteDatabase database;  // used by whoever leads
  SqliteStatement begin, commit;
  std::optional<ChainWriter> jobs, events;

  std::mutex mutex;
  std::deque<Waiter*> waiting;
  bool somebody_leads = false;  // whenever anybody waits
};

absl::Status AuditLog::State::Prepare() {
  HPCC_RETURN_IF_ERROR(database.Execute("PRAGMA journal_mode = WAL"));
  HPCC_RETURN_IF_ERROR(database.Execute("PRAGMA synchronous = FULL"));
  HPCC_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  absl::Status status = PrepareTables(database, path);
  if (status.ok()) status = database.Execute("COMMIT");
  if (!status.ok()) {
    database.Execute("ROLLBACK").IgnoreError();
    return status;
  }
  HPCC_ASSIGN_OR_RETURN(begin, database.Prepare("BEGIN IMMEDIATE"));
  HPCC_ASSIGN_OR_RETURN(commit, database.Prepare("COMMIT"));
  HPCC_ASSIGN_OR_RETURN(jobs, ChainWriter::Make(database, AuditChain::kJobs));
  HPCC_ASSIGN_OR_RETURN(events, ChainWriter::Make(database, AuditChain::kSecurityEvents));
  HPCC_RETURN_IF_ERROR(database.Execute("BEGIN"));  // head and last row of one moment
  for (ChainWriter* writer : {&*jobs, &*events}) {
    if (status.ok()) status = writer->ReadHead();
    if (status.ok()) status = writer->CheckHead();
  }
  database.Execute("ROLLBACK").IgnoreError();
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(StrCat(path, ": ", std::string(status.message()),
                                    "; `hpcc audit verify` says more; move the file aside to "
                                    "begin a new one"));
}

absl::Status AuditLog::State::Write(Waiter& waiter) {
  std::unique_lock lock(mutex);
  waiting.push_back(&waiter);
  if (somebody_leads) {
    waiter.wake.wait(lock, [&waiter] { return waiter.done || waiter.leads; });
    if (waiter.done) return waiter.result;
  }
  somebody_leads = true;
  std::vector<Waiter*> batch;  // this one among them: who leads is the first
  while (!waiting.empty() && batch.size() < kMaxRowsPerTransaction) {
    batch.push_back(waiting.front());
    waiting.pop_front();
  }
  lock.unlock();
  Commit(batch);
  lock.lock();
  somebody_leads = !waiting.empty();
  if (somebody_leads) {
    waiting.front()->leads = true;
    waiting.front()->wake.notify_one();
  }
  for (Waiter* other : batch) {
    if (other == &waiter) continue;
    other->done = true;
    other->wake.notify_one();
  }
  return waiter.result;
}

void AuditLog::State::Commit(std::vector<Waiter*>& batch) {
  absl::Status status = begin.Run();
  if (status.ok()) status = CommitRows(batch);
  if (status.ok()) return;
  database.Execute("ROLLBACK").IgnoreError();
  for (Waiter* waiter : batch) {
    if (waiter->result.ok()) waiter->result = status;
  }
}

// An error here undoes all rows; a row that is itself refused stands in nobody's way.
absl::Status AuditLog::State::CommitRows(std::vector<Waiter*>& batch) {
  for (ChainWriter* writer : {&*jobs, &*events}) writer->Begin();
  for (Waiter* waiter : batch) {
    ChainWriter& writer = writer_of(waiter->row);
    HPCC_RETURN_IF_ERROR(writer.ReadHead());
    waiter->result = writer.Insert(waiter->row);
    if (absl::IsAlreadyExists(waiter->result) || absl::IsInvalidArgument(waiter->result)) continue;
    HPCC_RETURN_IF_ERROR(waiter->result);
  }
  for (ChainWriter* writer : {&*jobs, &*events}) HPCC_RETURN_IF_ERROR(writer->WriteHead());
  return commit.Run();
}

AuditLog::AuditLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
AuditLog::~AuditLog() = default;

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const AuditLogOptions& options) {
  // SQLite gives the files beside it the mode that this one has. The descriptor is closed before
  // SQLite opens the file: closing it later would take SQLite's own locks away, and whoever reads
  // the log with another program would then remove the write-ahead log from under it.
  {
    const absl::StatusOr<std::unique_ptr<File>> made =
        FileSystem::Real().Create(options.path, 0600);
    if (!made.ok() && !absl::IsAlreadyExists(made.status())) return made.status();
  }
  HPCC_ASSIGN_OR_RETURN(
      SqliteDatabase database,
      SqliteDatabase::Open(options.path, SqliteDatabase::Mode::kReadWriteCreate, options.vfs));
  auto state = std::make_unique<State>(options.path, std::move(database));
  HPCC_RETURN_IF_ERROR(state->Prepare());
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(state)));
}

absl::Status AuditLog::Append(const AuditRow& row) {
  Waiter waiter(&row);
  return state_->Write(waiter);
}

absl::Status AuditLog::Append(const SecurityEventRow& row) {
  Waiter waiter(&row);
  return state_->Write(waiter);
}

}  // namespace hpcc
