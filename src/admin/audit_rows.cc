#include "admin/audit_rows.h"

#include <chrono>
#include <string_view>
#include <vector>

#include "base/path.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::string_view kCsvEnd = "\r\n";

std::string CsvCell(std::string text) {
  if (!text.empty() && StrContains("=+-@\t\r", text.substr(0, 1))) text.insert(0, "'");
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string cell = "\"";
  for (const char c : text) {
    cell += c;
    if (c == '"') cell += c;
  }
  return cell + "\"";
}

std::string CsvLine(const std::vector<std::string>& texts) {
  std::vector<std::string> cells;
  for (const std::string& text : texts) cells.push_back(CsvCell(text));
  return StrCat(StrJoin(cells, ","), kCsvEnd);
}

std::string Or(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : text;
}

}  // namespace

std::string RowText(const AuditRow& row) {
  std::vector<std::string> command = {std::string(path::Basename(row.compiler))};
  command.insert(command.end(), row.flags.begin(), row.flags.end());
  std::string text =
      StrCat(FormatTime(row.time_ns), "  ", row.job_id, "  ", row.tenant, "/", row.user, "  ",
             IsOperatorCommand(row) ? "exec"
             : row.hit              ? "hit "
                                    : "miss",
             "  ", Or(row.isolation, "-"), "  exit ", row.exit_status, "  ",
             FormatDuration(std::chrono::nanoseconds(row.duration_ns)), "  ", ShellWords(command));
  return Printable(text);
}

std::string EventText(const SecurityEventRow& row) {
  std::string text = StrCat(FormatTime(row.time_ns), "  ", row.event, "  ", Or(row.tenant, "-"),
                            "/", Or(row.user, "-"), "  ", Or(row.peer, "-"));
  if (row.count != 1) StrAppend(&text, "  ", row.count, " times");
  if (!row.detail.empty()) StrAppend(&text, "  ", row.detail);
  return Printable(text);
}

Json RowJson(uint64_t sequence, const AuditRow& row) {
  Json json = {{"sequence", sequence},
               {"time", FormatIsoTime(row.time_ns)},
               {"time_ns", row.time_ns},
               {"job_id", row.job_id},
               {"tenant", row.tenant},
               {"user", row.user},
               {"worker", row.worker},
               {"sandbox", row.sandbox},
               {"isolation", row.isolation},
               {"image_digest", row.image_digest},
               {"source_digest", FormatAuditDigest(row.source_digest)},
               {"flags", row.flags},
               {"cache_key", FormatAuditDigest(row.cache_key)},
               {"hit", row.hit}};
  json["output_digests"] = Json::array();
  for (const AuditOutput& output : row.output_digests) {
    json["output_digests"].push_back(
        {{"role", output.role}, {"digest", FormatAuditDigest(output.digest)}});
  }
  json["exit_status"] = row.exit_status;
  json["duration_ns"] = row.duration_ns;
  json["scheduler"] = row.scheduler;
  json["trace_id"] = row.trace_id;
  json["compiler"] = row.compiler;
  json["working_directory"] = row.working_directory;
  json["environment"] = row.environment;
  json["operator_command"] = IsOperatorCommand(row);
  return json;
}

Json EventJson(uint64_t sequence, const SecurityEventRow& row) {
  return {{"sequence", sequence},   {"time", FormatIsoTime(row.time_ns)},
          {"time_ns", row.time_ns}, {"event", row.event},
          {"tenant", row.tenant},   {"user", row.user},
          {"peer", row.peer},       {"detail", row.detail},
          {"count", row.count}};
}

std::string RowCsvHeader() {
  return CsvLine({"sequence",    "time_ns",   "job_id",    "tenant",         "user",
                  "worker",      "sandbox",   "isolation", "image_digest",   "source_digest",
                  "flags",       "cache_key", "hit",       "output_digests", "exit_status",
                  "duration_ns", "scheduler", "trace_id",  "compiler",       "working_directory",
                  "environment"});
}

std::string RowCsv(uint64_t sequence, const AuditRow& row) {
  std::string line = StrCat(sequence, ",", row.time_ns, ",");
  // Numbers stand beside the cells: "-1" is no formula.
  std::string texts =
      CsvLine({row.job_id, row.tenant, row.user, row.worker, row.sandbox, row.isolation,
               row.image_digest, FormatAuditDigest(row.source_digest), FormatAuditList(row.flags),
               FormatAuditDigest(row.cache_key), row.hit ? "1" : "0",
               FormatAuditOutputs(row.output_digests)});
  texts.resize(texts.size() - kCsvEnd.size());
  StrAppend(&line, texts, ",", row.exit_status, ",", row.duration_ns, ",",
            CsvLine({row.scheduler, row.trace_id, row.compiler, row.working_directory,
                     FormatAuditList(row.environment)}));
  return line;
}

std::string EventCsvHeader() {
  return CsvLine({"sequence", "time_ns", "event", "tenant", "user", "peer", "detail", "count"});
}

std::string EventCsv(uint64_t sequence, const SecurityEventRow& row) {
  return StrCat(
      sequence, ",", row.time_ns, ",",
      CsvLine({row.event, row.tenant, row.user, row.peer, row.detail, StrCat(row.count)}));
}

}  // namespace hpcc
