#include "telemetry/audit_tables.h"

#include <limits>
#include <optional>
#include <span>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// The columns between `sequence` and the two hashes.
constexpr std::array<std::string_view, 20> kJobColumns = {
    "time_ns",           "job_id",       "tenant",        "user",      "worker",    "sandbox",
    "isolation",         "image_digest", "source_digest", "flags",     "cache_key", "hit",
    "output_digests",    "exit_status",  "duration_ns",   "scheduler", "trace_id",  "compiler",
    "working_directory", "environment"};
constexpr std::array<std::string_view, 7> kEventColumns = {"time_ns", "event",  "tenant", "user",
                                                           "peer",    "detail", "count"};

std::span<const std::string_view> Columns(AuditChain chain) {
  if (chain == AuditChain::kJobs) return kJobColumns;
  return kEventColumns;
}

// Columns of a row one after the other; the first that holds the wrong thing makes it a DataLoss.
class ColumnReader {
 public:
  ColumnReader(const SqliteStatement& statement, int first)
      : statement_(statement), column_(first) {}

  std::string Text() {
    if (!statement_.IsText(column_)) Fail("is no text");
    return std::string(statement_.Text(column_++));
  }
  int64_t Integer(int64_t least = std::numeric_limits<int64_t>::min(),
                  int64_t most = std::numeric_limits<int64_t>::max()) {
    const int64_t value = statement_.Integer(column_);
    if (!statement_.IsInteger(column_) || value < least || value > most) Fail("is no such number");
    ++column_;
    return value;
  }
  Digest DigestText() { return Parsed(ParseAuditDigest(Text())); }
  // Of a chain: zeros stand for themselves.
  Digest Hash() {
    const std::string text = Text();
    const std::optional<Digest> hash = Digest::FromHex(text);
    if (hash && hash->ToHex() == text) return *hash;
    Fail("is no hash", -1);
    return Digest();
  }
  std::vector<std::string> List() { return Parsed(ParseAuditList(Text())); }
  std::vector<AuditOutput> Outputs() { return Parsed(ParseAuditOutputs(Text())); }

  const absl::Status& status() const { return status_; }

 private:
  template <typename T>
  T Parsed(absl::StatusOr<T> value) {
    if (value.ok()) return *std::move(value);
    Fail(std::string(value.status().message()), -1);
    return T();
  }
  void Fail(std::string_view what, int offset = 0) {
    if (status_.ok()) status_ = absl::DataLossError(StrCat("column ", column_ + offset, ' ', what));
  }

  const SqliteStatement& statement_;
  int column_;
  absl::Status status_;
};

// Binds values to the parameters 1, 2, ...
class ParameterBinder {
 public:
  explicit ParameterBinder(SqliteStatement& statement) : statement_(statement) {}

  void Text(std::string_view text) { statement_.Bind(++parameter_, text); }
  void Integer(int64_t number) { statement_.Bind(++parameter_, number); }

 private:
  SqliteStatement& statement_;
  int parameter_ = 0;
};

void BindHashes(ParameterBinder& binder, const ChainLink& link, BoundTexts& texts) {
  binder.Text(texts.previous_hash = link.previous_hash.ToHex());
  binder.Text(texts.row_hash = link.row_hash.ToHex());
}

}  // namespace

// A STRICT table takes no value of another type than its column has: one row has one form.
const std::array<AuditSchemaItem, 5> kAuditSchema = {{
    {"audit_row",
     "CREATE TABLE audit_row (sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, job_id TEXT "
     "NOT NULL UNIQUE, tenant TEXT NOT NULL, user TEXT NOT NULL, worker TEXT NOT NULL, sandbox "
     "TEXT NOT NULL, isolation TEXT NOT NULL, image_digest TEXT NOT NULL, source_digest TEXT NOT "
     "NULL, flags TEXT NOT NULL, cache_key TEXT NOT NULL, hit INTEGER NOT NULL, output_digests "
     "TEXT NOT NULL, exit_status INTEGER NOT NULL, duration_ns INTEGER NOT NULL, scheduler TEXT "
     "NOT NULL, trace_id TEXT NOT NULL, compiler TEXT NOT NULL, working_directory TEXT NOT NULL, "
     "environment TEXT NOT NULL, previous_hash TEXT NOT NULL, row_hash TEXT NOT NULL) STRICT"},
    {"security_event",
     "CREATE TABLE security_event (sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, event "
     "TEXT NOT NULL, tenant TEXT NOT NULL, user TEXT NOT NULL, peer TEXT NOT NULL, detail TEXT NOT "
     "NULL, count INTEGER NOT NULL, previous_hash TEXT NOT NULL, row_hash TEXT NOT NULL) STRICT"},
    {"chain_head",
     "CREATE TABLE chain_head (chain TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, head TEXT NOT "
     "NULL) STRICT"},
    {"audit_row_tenant", "CREATE INDEX audit_row_tenant ON audit_row (tenant, time_ns)"},
    {"audit_row_time", "CREATE INDEX audit_row_time ON audit_row (time_ns)"},
}};

std::string_view AuditTableName(AuditChain chain) {
  return chain == AuditChain::kJobs ? "audit_row" : "security_event";
}

std::string InsertSql(AuditChain chain) {
  std::string sql = StrCat("INSERT INTO ", AuditTableName(chain), " VALUES (?");
  for (size_t i = 0; i < Columns(chain).size() + 2; ++i) sql += ",?";
  return sql + ")";
}

void BindRow(SqliteStatement& statement, const ChainLink& link, const AuditRow& row,
             BoundTexts& texts) {
  ParameterBinder binder(statement);
  binder.Integer(static_cast<int64_t>(link.sequence));
  binder.Integer(row.time_ns);
  binder.Text(row.job_id);
  binder.Text(row.tenant);
  binder.Text(row.user);
  binder.Text(row.worker);
  binder.Text(row.sandbox);
  binder.Text(row.isolation);
  binder.Text(row.image_digest);
  binder.Text(texts.source_digest = FormatAuditDigest(row.source_digest));
  binder.Text(texts.flags = FormatAuditList(row.flags));
  binder.Text(texts.cache_key = FormatAuditDigest(row.cache_key));
  binder.Integer(row.hit ? 1 : 0);
  binder.Text(texts.output_digests = FormatAuditOutputs(row.output_digests));
  binder.Integer(row.exit_status);
  binder.Integer(row.duration_ns);
  binder.Text(row.scheduler);
  binder.Text(row.trace_id);
  binder.Text(row.compiler);
  binder.Text(row.working_directory);
  binder.Text(texts.environment = FormatAuditList(row.environment));
  BindHashes(binder, link, texts);
}

void BindRow(SqliteStatement& statement, const ChainLink& link, const SecurityEventRow& row,
             BoundTexts& texts) {
  ParameterBinder binder(statement);
  binder.Integer(static_cast<int64_t>(link.sequence));
  binder.Integer(row.time_ns);
  binder.Text(row.event);
  binder.Text(row.tenant);
  binder.Text(row.user);
  binder.Text(row.peer);
  binder.Text(row.detail);
  binder.Integer(static_cast<int64_t>(row.count));
  BindHashes(binder, link, texts);
}

std::string SelectSql(AuditChain chain) {
  std::string sql = "SELECT sequence";
  for (const std::string_view column : Columns(chain)) StrAppend(&sql, ", ", column);
  StrAppend(&sql, ", previous_hash, row_hash FROM ", AuditTableName(chain));
  return sql;
}

absl::StatusOr<ChainLink> ReadLink(const SqliteStatement& statement, AuditChain chain) {
  ColumnReader sequence(statement, 0);
  ColumnReader hashes(statement, 1 + static_cast<int>(Columns(chain).size()));
  ChainLink link;
  link.sequence = static_cast<uint64_t>(sequence.Integer());
  link.previous_hash = hashes.Hash();
  link.row_hash = hashes.Hash();
  HPCC_RETURN_IF_ERROR(hashes.status());
  return link;
}

absl::StatusOr<AuditRow> ReadAuditRow(const SqliteStatement& statement) {
  ColumnReader reader(statement, 1);
  AuditRow row;
  row.time_ns = reader.Integer();
  row.job_id = reader.Text();
  row.tenant = reader.Text();
  row.user = reader.Text();
  row.worker = reader.Text();
  row.sandbox = reader.Text();
  row.isolation = reader.Text();
  row.image_digest = reader.Text();
  row.source_digest = reader.DigestText();
  row.flags = reader.List();
  row.cache_key = reader.DigestText();
  row.hit = reader.Integer(0, 1) == 1;
  row.output_digests = reader.Outputs();
  row.exit_status = static_cast<int32_t>(
      reader.Integer(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
  row.duration_ns = reader.Integer();
  row.scheduler = reader.Text();
  row.trace_id = reader.Text();
  row.compiler = reader.Text();
  row.working_directory = reader.Text();
  row.environment = reader.List();
  HPCC_RETURN_IF_ERROR(reader.status());
  return row;
}

absl::StatusOr<SecurityEventRow> ReadSecurityEvent(const SqliteStatement& statement) {
  ColumnReader reader(statement, 1);
  SecurityEventRow row;
  row.time_ns = reader.Integer();
  row.event = reader.Text();
  row.tenant = reader.Text();
  row.user = reader.Text();
  row.peer = reader.Text();
  row.detail = reader.Text();
  row.count = static_cast<uint64_t>(reader.Integer());
  HPCC_RETURN_IF_ERROR(reader.status());
  return row;
}

}  // namespace hpcc
