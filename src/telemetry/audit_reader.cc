#include "telemetry/audit_reader.h"

#include <utility>
#include <variant>

#include "base/file_system.h"
#include "base/status.h"
#include "base/strings.h"
#include "telemetry/audit_tables.h"
#include "telemetry/sqlite_database.h"

namespace hpcc {

namespace {

// The conditions of a filter, and what stands for their question marks.
class Where {
 public:
  void And(std::string_view condition, std::optional<std::string> value) {
    if (value) Add(condition, *std::move(value));
  }
  void And(std::string_view condition, std::optional<int64_t> value) {
    if (value) Add(condition, *value);
  }

  const std::string& sql() const { return sql_; }
  void BindTo(SqliteStatement& statement) const {
    for (size_t i = 0; i < values_.size(); ++i) {
      const int parameter = static_cast<int>(i) + 1;
      if (const auto* number = std::get_if<int64_t>(&values_[i])) {
        statement.Bind(parameter, *number);
      } else {
        statement.Bind(parameter, std::get<std::string>(values_[i]));
      }
    }
  }

 private:
  void Add(std::string_view condition, std::variant<int64_t, std::string> value) {
    StrAppend(&sql_, values_.empty() ? " WHERE " : " AND ", condition);
    values_.push_back(std::move(value));
  }

  std::string sql_;
  std::vector<std::variant<int64_t, std::string>> values_;
};

template <typename T>
std::optional<int64_t> AsNumber(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return static_cast<int64_t>(*value);
}

Where WhereOf(const AuditFilter& filter) {
  Where where;
  where.And("tenant = ?", filter.tenant);
  where.And("user = ?", filter.user);
  where.And("time_ns >= ?", filter.since_ns);
  where.And("time_ns < ?", filter.until_ns);
  return where;
}

// The bytes the row's hash is made of, from what stands in its columns.
absl::StatusOr<std::string> EncodeRow(const SqliteStatement& statement, AuditChain chain,
                                      uint64_t sequence) {
  if (chain == AuditChain::kJobs) {
    HPCC_ASSIGN_OR_RETURN(const AuditRow row, ReadAuditRow(statement));
    return EncodeAuditRow(row, sequence);
  }
  HPCC_ASSIGN_OR_RETURN(const SecurityEventRow row, ReadSecurityEvent(statement));
  return EncodeSecurityEvent(row, sequence);
}

// "row 5 is missing" or "rows 5 to 9 are missing", without the first word.
std::string Missing(uint64_t first, uint64_t last) {
  if (first == last) return "is missing";
  return StrCat("to ", last, " are missing");
}

// Walks one chain, row by row, and keeps what is wrong with it.
class ChainWalk {
 public:
  ChainWalk(AuditChain chain, std::optional<ChainHead> noted, std::vector<ChainProblem>& problems)
      : chain_(chain), noted_(noted), problems_(problems), first_problem_(problems.size()) {}

  void Visit(const SqliteStatement& statement) {
    const auto sequence = static_cast<uint64_t>(statement.Integer(0));
    job_id_ = chain_ == AuditChain::kJobs ? std::string(statement.Text(2)) : "";
    const absl::StatusOr<ChainLink> link = ReadLink(statement, chain_);
    if (static_cast<int64_t>(sequence) <= 0) return Say(sequence, "was added");
    const bool follows = CheckSequence(sequence);
    if (!link.ok()) return Altered(sequence, link.status());
    const absl::StatusOr<std::string> encoded = EncodeRow(statement, chain_, sequence);
    if (!encoded.ok()) {
      Altered(sequence, encoded.status());
    } else if (ChainHash(chain_, link->previous_hash, *encoded) != link->row_hash) {
      Say(sequence, "was altered: its hash is another");
    } else if (follows && link->previous_hash != end_.head) {
      Say(sequence, "does not follow the row before it: one of them was altered or moved");
    }
    end_ = {sequence, link->row_hash};
    if (noted_ && noted_->rows == sequence && noted_->head != link->row_hash) {
      Say(sequence, "is not the row that was noted: the chain was made anew");
    }
  }

  // After the last row: `head` is what the log says of itself.
  ChainHead Finish(const std::optional<ChainHead>& head) {
    job_id_.clear();
    if (!head) {
      Say(0, "has no head: it was removed or altered");
    } else if (head->rows > end_.rows) {
      Say(end_.rows + 1, Missing(end_.rows + 1, head->rows));
    } else if (head->rows < end_.rows) {
      Say(head->rows + 1, "was added, or the head was altered");
    } else if (head->head != end_.head) {
      Say(end_.rows, "is not the one the head was made of: it or the head was altered");
    }
    if (noted_ && noted_->rows > end_.rows && (!head || head->rows < noted_->rows)) {
      Say(end_.rows + 1, StrCat("is missing: a head of ", noted_->rows, " rows was noted"));
    }
    return end_;
  }

 private:
  // Whether this is the row expected next.
  bool CheckSequence(uint64_t sequence) {
    const uint64_t expected = end_.rows + 1;
    if (sequence == expected) return true;
    const std::string job = std::exchange(job_id_, "");
    Say(expected, Missing(expected, sequence - 1));
    job_id_ = job;
    return false;
  }

  void Altered(uint64_t sequence, const absl::Status& why) {
    Say(sequence, StrCat("was altered: ", std::string(why.message())));
    end_ = {sequence, Digest()};
  }

  void Say(uint64_t sequence, std::string what) {
    if (problems_.size() - first_problem_ >= kMaxChainProblems) return;
    problems_.push_back({chain_, sequence, job_id_, std::move(what)});
  }

  AuditChain chain_;
  std::optional<ChainHead> noted_;
  std::vector<ChainProblem>& problems_;
  size_t first_problem_;
  std::string job_id_;  // of the row it is at
  ChainHead end_;       // the last row seen
};

}  // namespace

struct AuditReader::State {
  explicit State(SqliteDatabase database) : database(std::move(database)) {}

  absl::StatusOr<std::optional<ChainHead>> Head(AuditChain chain);
  absl::StatusOr<ChainHead> Walk(AuditChain chain, const std::optional<ChainHead>& noted,
                                 std::vector<ChainProblem>& problems);
  // The tables, their indexes and nothing else: an index that leaves out rows hides them from
  // queries, and a trigger changes what is appended.
  absl::Status CheckSchema(std::vector<ChainProblem>& problems);
  absl::Status CheckPages(std::vector<ChainProblem>& problems);
  absl::StatusOr<ChainReport> Verify(const std::optional<ChainHead>& noted);

  SqliteDatabase database;
};

absl::StatusOr<std::optional<ChainHead>> AuditReader::State::Head(AuditChain chain) {
  HPCC_ASSIGN_OR_RETURN(SqliteStatement statement,
                        database.Prepare("SELECT rows, head FROM chain_head WHERE chain = ?"));
  statement.Bind(1, AuditTableName(chain));
  HPCC_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<ChainHead>();
  const std::optional<Digest> head = Digest::FromHex(statement.Text(1));
  const int64_t rows = statement.Integer(0);
  if (!head || rows < 0 || head->ToHex() != statement.Text(1)) return std::optional<ChainHead>();
  return std::optional<ChainHead>({static_cast<uint64_t>(rows), *head});
}

absl::StatusOr<ChainHead> AuditReader::State::Walk(AuditChain chain,
                                                   const std::optional<ChainHead>& noted,
                                                   std::vector<ChainProblem>& problems) {
  HPCC_ASSIGN_OR_RETURN(const std::optional<ChainHead> head, Head(chain));
  HPCC_ASSIGN_OR_RETURN(SqliteStatement rows,
                        database.Prepare(StrCat(SelectSql(chain), " ORDER BY sequence")));
  ChainWalk walk(chain, noted, problems);
  HPCC_ASSIGN_OR_RETURN(bool more, rows.Step());
  while (more) {
    walk.Visit(rows);
    HPCC_ASSIGN_OR_RETURN(more, rows.Step());
  }
  return walk.Finish(head);
}

absl::Status AuditReader::State::CheckSchema(std::vector<ChainProblem>& problems) {
  HPCC_ASSIGN_OR_RETURN(SqliteStatement items,
                        database.Prepare("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL "
                                         "ORDER BY rowid"));
  size_t known = 0;
  HPCC_ASSIGN_OR_RETURN(bool more, items.Step());
  while (more) {
    if (known >= kAuditSchema.size() || items.Text(0) != kAuditSchema[known].name ||
        items.Text(1) != kAuditSchema[known].sql) {
      problems.push_back({AuditChain::kJobs, 0, "",
                          StrCat("stands among tables that were altered: ", items.Text(0))});
      return absl::OkStatus();
    }
    ++known;
    HPCC_ASSIGN_OR_RETURN(more, items.Step());
  }
  if (known == kAuditSchema.size()) return absl::OkStatus();
  problems.push_back(
      {AuditChain::kJobs, 0, "", StrCat("has lost its table or index ", kAuditSchema[known].name)});
  return absl::OkStatus();
}

absl::Status AuditReader::State::CheckPages(std::vector<ChainProblem>& problems) {
  HPCC_ASSIGN_OR_RETURN(SqliteStatement check, database.Prepare("PRAGMA integrity_check(1)"));
  HPCC_ASSIGN_OR_RETURN(const bool answered, check.Step());
  if (answered && check.Text(0) == "ok") return absl::OkStatus();
  problems.push_back({AuditChain::kJobs, 0, "", StrCat("is damaged: ", check.Text(0))});
  return absl::OkStatus();
}

absl::StatusOr<ChainReport> AuditReader::State::Verify(const std::optional<ChainHead>& noted) {
  ChainReport report;
  HPCC_RETURN_IF_ERROR(CheckSchema(report.problems));
  HPCC_RETURN_IF_ERROR(CheckPages(report.problems));
  HPCC_ASSIGN_OR_RETURN(report.jobs, Walk(AuditChain::kJobs, noted, report.problems));
  HPCC_ASSIGN_OR_RETURN(report.security_events,
                        Walk(AuditChain::kSecurityEvents, std::nullopt, report.problems));
  return report;
}

AuditReader::AuditReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
AuditReader::~AuditReader() = default;

absl::StatusOr<std::unique_ptr<AuditReader>> AuditReader::Open(const std::string& path) {
  HPCC_RETURN_IF_ERROR(StatFile(FileSystem::Real(), path).status());
  HPCC_ASSIGN_OR_RETURN(SqliteDatabase database,
                        SqliteDatabase::Open(path, SqliteDatabase::Mode::kReadOnly));
  const absl::StatusOr<int64_t> id = database.QueryInteger("PRAGMA application_id");
  const absl::StatusOr<int64_t> version = database.QueryInteger("PRAGMA user_version");
  if (absl::IsDataLoss(id.status()) || (id.ok() && *id != kAuditApplicationId) ||
      (version.ok() && *version != kAuditLayoutVersion)) {
    return absl::FailedPreconditionError(
        StrCat(path, " is no audit log, or one of another version of hpcc"));
  }
  HPCC_RETURN_IF_ERROR(id.status());
  HPCC_RETURN_IF_ERROR(version.status());
  return std::unique_ptr<AuditReader>(
      new AuditReader(std::make_unique<State>(std::move(database))));
}

absl::Status AuditReader::ForEach(
    const AuditFilter& filter,
    const std::function<bool(uint64_t sequence, const AuditRow&)>& visit) {
  Where where = WhereOf(filter);
  where.And("job_id = ?", filter.job_id);
  where.And("hit = ?", AsNumber(filter.hit));
  where.And("exit_status = ?", AsNumber(filter.exit_status));
  where.And("(cache_key = '') = ?", AsNumber(filter.operator_command));
  HPCC_ASSIGN_OR_RETURN(SqliteStatement rows,
                        state_->database.Prepare(StrCat(SelectSql(AuditChain::kJobs), where.sql(),
                                                        " ORDER BY sequence")));
  where.BindTo(rows);
  HPCC_ASSIGN_OR_RETURN(bool more, rows.Step());
  while (more) {
    HPCC_ASSIGN_OR_RETURN(const AuditRow row, ReadAuditRow(rows));
    if (!visit(static_cast<uint64_t>(rows.Integer(0)), row)) break;
    HPCC_ASSIGN_OR_RETURN(more, rows.Step());
  }
  return absl::OkStatus();
}

absl::Status AuditReader::ForEachEvent(
    const AuditFilter& filter,
    const std::function<bool(uint64_t sequence, const SecurityEventRow&)>& visit) {
  const Where where = WhereOf(filter);
  HPCC_ASSIGN_OR_RETURN(SqliteStatement rows,
                        state_->database.Prepare(StrCat(SelectSql(AuditChain::kSecurityEvents),
                                                        where.sql(), " ORDER BY sequence")));
  where.BindTo(rows);
  HPCC_ASSIGN_OR_RETURN(bool more, rows.Step());
  while (more) {
    HPCC_ASSIGN_OR_RETURN(const SecurityEventRow row, ReadSecurityEvent(rows));
    if (!visit(static_cast<uint64_t>(rows.Integer(0)), row)) break;
    HPCC_ASSIGN_OR_RETURN(more, rows.Step());
  }
  return absl::OkStatus();
}

absl::StatusOr<AuditRow> AuditReader::Find(const std::string& job_id) {
  std::optional<AuditRow> found;
  AuditFilter filter;
  filter.job_id = job_id;
  HPCC_RETURN_IF_ERROR(ForEach(filter, [&](uint64_t, const AuditRow& row) {
    found = row;
    return false;
  }));
  if (!found) return absl::NotFoundError(StrCat("no row of a job ", job_id));
  return *std::move(found);
}

absl::StatusOr<ChainReport> AuditReader::Verify(const std::optional<ChainHead>& noted) {
  HPCC_RETURN_IF_ERROR(state_->database.Execute("BEGIN"));
  absl::StatusOr<ChainReport> report = state_->Verify(noted);
  state_->database.Execute("ROLLBACK").IgnoreError();
  return report;
}

}  // namespace hpcc
