#ifndef HPCC_ADMIN_AUDIT_ROWS_H_
#define HPCC_ADMIN_AUDIT_ROWS_H_

// Audit rows and security events as people and programs read them.

#include <cstdint>
#include <string>

#include "cli/json_output.h"
#include "telemetry/audit_row.h"

namespace hpcc {

// One line for people, without a newline.
std::string RowText(const AuditRow& row);
std::string EventText(const SecurityEventRow& row);

// All columns, by their names. Digests are hex, lists are arrays; output_digests are objects.
Json RowJson(uint64_t sequence, const AuditRow& row);
Json EventJson(uint64_t sequence, const SecurityEventRow& row);

// Lines of RFC 4180, with its line ends; lists are the text of the column (telemetry/audit_row.h).
// A cell that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a CR)
// has an apostrophe before it.
std::string RowCsvHeader();
std::string RowCsv(uint64_t sequence, const AuditRow& row);
std::string EventCsvHeader();
std::string EventCsv(uint64_t sequence, const SecurityEventRow& row);

}  // namespace hpcc

#endif  // HPCC_ADMIN_AUDIT_ROWS_H_
