#ifndef HPCC_TELEMETRY_AUDIT_TABLES_H_
#define HPCC_TELEMETRY_AUDIT_TABLES_H_

// The tables of an audit log, as telemetry/audit_log.h describes them: their SQL, and rows of
// theirs to and from statements. For this room only.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "telemetry/audit_row.h"
#include "telemetry/sqlite_database.h"

namespace hpcc {

inline constexpr int64_t kAuditLayoutVersion = 1;           // PRAGMA user_version
inline constexpr int64_t kAuditApplicationId = 0x48504341;  // PRAGMA application_id: "HPCA"

// In the order they are made, and as sqlite_schema keeps them.
struct AuditSchemaItem {
  std::string_view name;
  std::string_view sql;
};
extern const std::array<AuditSchemaItem, 5> kAuditSchema;

std::string_view AuditTableName(AuditChain chain);

// Where a row stands in its chain.
struct ChainLink {
  uint64_t sequence = 0;
  Digest previous_hash;
  Digest row_hash;
};

// Inserting: parameters are all columns of the table, in order.
std::string InsertSql(AuditChain chain);
// The texts that are bound live until the statement has run.
struct BoundTexts {
  std::string previous_hash, row_hash;
  std::string source_digest, flags, cache_key, output_digests, environment;
};
void BindRow(SqliteStatement& statement, const ChainLink& link, const AuditRow& row,
             BoundTexts& texts);
void BindRow(SqliteStatement& statement, const ChainLink& link, const SecurityEventRow& row,
             BoundTexts& texts);

// "SELECT <all columns in order> FROM <table>".
std::string SelectSql(AuditChain chain);
// Of the row a statement of SelectSql is at. DataLoss: a column holds what nobody has written.
absl::StatusOr<ChainLink> ReadLink(const SqliteStatement& statement, AuditChain chain);
absl::StatusOr<AuditRow> ReadAuditRow(const SqliteStatement& statement);
absl::StatusOr<SecurityEventRow> ReadSecurityEvent(const SqliteStatement& statement);

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_AUDIT_TABLES_H_
