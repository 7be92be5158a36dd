#include "telemetry/audit_log.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
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

// A row on its way to the disk. It is its `done` that says how long the row itself has to live.
struct PendingRow {
  AnyRow row;
  AuditLog::Done done;
  absl::Status result;
};

// Who waits for one row.
class Wait {
 public:
  AuditLog::Done done() {
    return [this](const absl::Status& written) {
      const std::lock_guard lock(mutex_);
      written_ = written;
      done_.notify_one();
    };
  }
  absl::Status Await() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return written_.has_value(); });
    return *written_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::optional<absl::Status> written_;
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

  ~State();

  absl::Status Prepare();
  void Start() {
    thread = std::thread([this] { Run(); });
  }
  void Add(PendingRow row);
  // Waits for it, unless this is the thread itself: whoever it tells may have something to write.
  absl::Status Write(AnyRow row);
  // Writes the rows of all who came meanwhile in one transaction, again and again.
  void Run();
  void Commit(std::vector<PendingRow>& batch);
  absl::Status CommitRows(std::vector<PendingRow>& batch);

  ChainWriter& writer_of(const AnyRow& row) {
    return std::holds_alternative<const AuditRow*>(row) ? *jobs : *events;
  }

  const std::string path;
  SqliteDatabase database;  // used by the thread, once it runs
  SqliteStatement begin, commit;
  std::optional<ChainWriter> jobs, events;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<PendingRow> waiting;
  bool thread_waits = false;
  bool stopping = false;
  std::thread thread;
};

AuditLog::State::~State() {
  if (!thread.joinable()) return;
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_one();
  thread.join();
}

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

void AuditLog::State::Add(PendingRow row) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(row));
    wake = std::exchange(thread_waits, false);
  }
  if (wake) changed.notify_one();
}

void AuditLog::State::Run() {
  std::vector<PendingRow> batch;
  std::unique_lock lock(mutex);
  while (true) {
    while (waiting.empty() && !stopping) {
      thread_waits = true;
      changed.wait(lock);
    }
    if (waiting.empty()) return;
    while (!waiting.empty() && batch.size() < kMaxRowsPerTransaction) {
      batch.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    lock.unlock();
    Commit(batch);
    for (PendingRow& row : batch) row.done(row.result);
    batch.clear();
    lock.lock();
  }
}

void AuditLog::State::Commit(std::vector<PendingRow>& batch) {
  absl::Status status = begin.Run();
  if (status.ok()) status = CommitRows(batch);
  if (status.ok()) return;
  database.Execute("ROLLBACK").IgnoreError();
  for (PendingRow& row : batch) {
    if (row.result.ok()) row.result = status;
  }
}

// An error here undoes all rows; a row that is itself refused stands in nobody's way.
absl::Status AuditLog::State::CommitRows(std::vector<PendingRow>& batch) {
  for (ChainWriter* writer : {&*jobs, &*events}) writer->Begin();
  for (PendingRow& row : batch) {
    ChainWriter& writer = writer_of(row.row);
    HPCC_RETURN_IF_ERROR(writer.ReadHead());
    row.result = writer.Insert(row.row);
    if (absl::IsAlreadyExists(row.result) || absl::IsInvalidArgument(row.result)) continue;
    HPCC_RETURN_IF_ERROR(row.result);
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
  state->Start();
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(state)));
}

absl::Status AuditLog::State::Write(AnyRow row) {
  if (std::this_thread::get_id() == thread.get_id()) {
    std::vector<PendingRow> batch;
    batch.push_back({row, nullptr, {}});
    Commit(batch);
    return batch.front().result;
  }
  Wait wait;
  Add({row, wait.done(), {}});
  return wait.Await();
}

absl::Status AuditLog::Append(const AuditRow& row) {
  return state_->Write(&row);
}

absl::Status AuditLog::Append(const SecurityEventRow& row) {
  return state_->Write(&row);
}

void AuditLog::AppendLater(AuditRow row, Done done) {
  const auto kept = std::make_shared<const AuditRow>(std::move(row));
  state_->Add({kept.get(), [kept, done = std::move(done)](const absl::Status& s) { done(s); }, {}});
}

}  // namespace hpcc
