#include <array>
#include <charconv>

#include "admin/audit_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr OptionSpec kHead = {"--head", "ROWS:HASH", "a head printed earlier, which must be there"};
constexpr std::array kOptions = {kLogOption, kHead, kJsonOption};

absl::StatusOr<ChainHead> ParseHead(std::string_view text) {
  const size_t colon = text.find(':');
  ChainHead head;
  const std::optional<Digest> hash =
      colon == std::string_view::npos ? std::nullopt : Digest::FromHex(text.substr(colon + 1));
  const char* end = text.data() + std::min(colon, text.size());
  const auto [stop, error] = std::from_chars(text.data(), end, head.rows);
  if (!hash || error != std::errc() || stop != end || head.rows == 0) {
    return absl::InvalidArgumentError(
        StrCat("--head: \"", text, "\" is not what verify prints: ROWS:HASH"));
  }
  head.head = *hash;
  return head;
}

std::string HeadText(const ChainHead& head) {
  return StrCat(head.rows, ":", head.head.ToHex());
}

std::string ProblemText(const ChainProblem& problem) {
  if (problem.sequence == 0) return StrCat("the log ", Printable(problem.what));
  const bool many = problem.what.starts_with("to ");
  std::string text = StrCat(problem.chain == AuditChain::kJobs ? "row" : "security event",
                            many ? "s " : " ", static_cast<int64_t>(problem.sequence));
  if (!problem.job_id.empty()) StrAppend(&text, " (job ", Printable(problem.job_id), ")");
  return StrCat(text, " ", Printable(problem.what));
}

std::string ReportText(const std::string& path, const ChainReport& report) {
  std::string text;
  for (const ChainProblem& problem : report.problems) {
    StrAppend(&text, path, ": ", ProblemText(problem), "\n");
  }
  if (!report.problems.empty()) return text;
  return StrCat(path, ": whole: ", Counted(report.jobs.rows, "row", "rows"), ", ",
                Counted(report.security_events.rows, "security event", "security events"),
                "\nhead ", HeadText(report.jobs), "\n");
}

Json ReportJson(const ChainReport& report) {
  Json json = {{"whole", report.problems.empty()},
               {"rows", report.jobs.rows},
               {"security_events", report.security_events.rows},
               {"head", HeadText(report.jobs)}};
  json["problems"] = Json::array();
  for (const ChainProblem& problem : report.problems) {
    json["problems"].push_back(
        {{"table", problem.chain == AuditChain::kJobs ? "audit_row" : "security_event"},
         {"sequence", static_cast<int64_t>(problem.sequence)},
         {"job_id", problem.job_id},
         {"problem", ProblemText(problem)}});
  }
  return json;
}

absl::StatusOr<ChainReport> Verify(const std::string& path, const std::optional<ChainHead>& noted) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, AuditReader::Open(path));
  return reader->Verify(noted);
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const auto complain = [&](const absl::Status& status, int exit_code) {
    return Complain(context, kAuditVerifyCommand, std::string(status.message()), exit_code);
  };
  std::optional<ChainHead> noted;
  if (const std::optional<std::string> text = options.Value(kHead.name)) {
    const absl::StatusOr<ChainHead> head = ParseHead(*text);
    if (!head.ok()) return complain(head.status(), kExitUsage);
    noted = *head;
  }
  const absl::StatusOr<std::string> path = AuditLogPath(context, options);
  if (!path.ok()) return complain(path.status(), kExitUsage);
  const absl::StatusOr<ChainReport> report = Verify(*path, noted);
  if (!report.ok()) return complain(report.status(), kExitFailed);
  context.console.Out(options.Has(kJsonOption.name) ? JsonText(ReportJson(*report))
                                                    : ReportText(*path, *report));
  return report->problems.empty() ? kExitOk : kExitFailed;
}

}  // namespace

constexpr Command kAuditVerifyCommand = {
    .name = "audit verify",
    .summary = "whether a row was altered, removed or moved",
    .description =
        "Checks the hash chain of an audit log and names every row that was altered, removed,\n"
        "added or moved; exits with 1 then. Prints the head of the chain otherwise: kept\n"
        "elsewhere and given back with --head, it shows also when the whole file was made anew.\n"
        "Works while the worker runs.",
    .options = kOptions,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
