#include <array>
#include <charconv>
#include <functional>
#include <limits>

#include "admin/audit_commands.h"
#include "admin/audit_rows.h"
#include "admin/time_words.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr OptionSpec kTenant = {"--tenant", "NAME", "of this tenant"};
constexpr OptionSpec kUser = {"--user", "NAME", "of this user"};
constexpr OptionSpec kJob = {"--job", "ID", "this job"};
constexpr OptionSpec kSince = {"--since", "TIME",
                               "at this time or later: 2026-11-22T18:05Z, or 2h"};
constexpr OptionSpec kUntil = {"--until", "TIME", "before this time"};
constexpr OptionSpec kHit = {"--hit", "", "answered from the worker's cache"};
constexpr OptionSpec kMiss = {"--miss", "", "compiled"};
constexpr OptionSpec kOperator = {"--operator", "", "operators' commands (hpcc exec)"};
constexpr OptionSpec kExit = {"--exit", "STATUS", "that ended with this exit status"};
constexpr OptionSpec kEvents = {"--events", "", "security events instead of jobs"};
constexpr OptionSpec kCsv = {"--csv", "", "print as CSV, a header first"};
constexpr std::array kOptions = {kLogOption, kTenant,   kUser, kJob,    kSince, kUntil,     kHit,
                                 kMiss,      kOperator, kExit, kEvents, kCsv,   kJsonOption};

absl::StatusOr<std::optional<int64_t>> Moment(const CommandContext& context,
                                              const ParsedOptions& options, std::string_view name) {
  const std::optional<std::string> text = options.Value(name);
  if (!text) return std::optional<int64_t>();
  const absl::StatusOr<int64_t> moment = ParseMoment(*text, context.clock.NowNanoseconds());
  if (moment.ok()) return std::optional<int64_t>(*moment);
  return absl::InvalidArgumentError(StrCat(name, ": ", std::string(moment.status().message())));
}

absl::StatusOr<AuditFilter> FilterOf(const CommandContext& context, const ParsedOptions& options) {
  AuditFilter filter;
  filter.tenant = options.Value(kTenant.name);
  filter.user = options.Value(kUser.name);
  filter.job_id = options.Value(kJob.name);
  HPCC_ASSIGN_OR_RETURN(filter.since_ns, Moment(context, options, kSince.name));
  HPCC_ASSIGN_OR_RETURN(filter.until_ns, Moment(context, options, kUntil.name));
  const int kinds = static_cast<int>(options.Has(kHit.name)) + options.Has(kMiss.name) +
                    options.Has(kOperator.name);
  if (kinds > 1) {
    return absl::InvalidArgumentError(
        "of --hit, --miss and --operator, two leave nothing together");
  }
  if (options.Has(kHit.name)) filter.hit = true;
  if (options.Has(kMiss.name)) filter.hit = false;
  if (kinds != 0) filter.operator_command = options.Has(kOperator.name);
  if (const std::optional<std::string> text = options.Value(kExit.name)) {
    int32_t status = 0;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, status);
    if (error != std::errc() || stop != end) {
      return absl::InvalidArgumentError(StrCat("--exit: \"", *text, "\" is no exit status"));
    }
    filter.exit_status = status;
  }
  if (options.Has(kEvents.name) && (filter.job_id || kinds != 0 || filter.exit_status)) {
    return absl::InvalidArgumentError("--events goes with --tenant, --user, --since and --until");
  }
  if (options.Has(kCsv.name) && options.Has(kJsonOption.name)) {
    return absl::InvalidArgumentError("either --csv or --json");
  }
  return filter;
}

// Prints rows one after the other: a log may be longer than memory.
class RowPrinter {
 public:
  RowPrinter(Console& console, const ParsedOptions& options)
      : console_(console), csv_(options.Has(kCsv.name)), json_(options.Has(kJsonOption.name)) {}

  void Begin(const std::string& csv_header) {
    if (csv_) console_.Out(csv_header);
    if (json_) console_.Out("[");
  }
  // Each of the three is made only when it is asked for.
  void Row(const std::function<std::string()>& text, const std::function<std::string()>& csv,
           const std::function<Json()>& json) {
    if (csv_) return console_.Out(csv());
    if (!json_) return console_.Out(StrCat(text(), "\n"));
    console_.Out(
        StrCat(first_ ? "\n" : ",\n", json().dump(-1, ' ', false, Json::error_handler_t::replace)));
    first_ = false;
  }
  void End() {
    if (json_) console_.Out("\n]\n");
  }

 private:
  Console& console_;
  bool csv_;
  bool json_;
  bool first_ = true;
};

absl::Status PrintJobs(AuditReader& reader, const AuditFilter& filter, RowPrinter& printer) {
  printer.Begin(RowCsvHeader());
  HPCC_RETURN_IF_ERROR(reader.ForEach(filter, [&](uint64_t sequence, const AuditRow& row) {
    printer.Row([&] { return RowText(row); }, [&] { return RowCsv(sequence, row); },
                [&] { return RowJson(sequence, row); });
    return true;
  }));
  printer.End();
  return absl::OkStatus();
}

absl::Status PrintEvents(AuditReader& reader, const AuditFilter& filter, RowPrinter& printer) {
  printer.Begin(EventCsvHeader());
  HPCC_RETURN_IF_ERROR(
      reader.ForEachEvent(filter, [&](uint64_t sequence, const SecurityEventRow& row) {
        printer.Row([&] { return EventText(row); }, [&] { return EventCsv(sequence, row); },
                    [&] { return EventJson(sequence, row); });
        return true;
      }));
  printer.End();
  return absl::OkStatus();
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const auto complain = [&](const absl::Status& status, int exit_code) {
    return Complain(context, kAuditQueryCommand, std::string(status.message()), exit_code);
  };
  const absl::StatusOr<AuditFilter> filter = FilterOf(context, options);
  if (!filter.ok()) return complain(filter.status(), kExitUsage);
  const absl::StatusOr<std::string> path = AuditLogPath(context, options);
  if (!path.ok()) return complain(path.status(), kExitUsage);
  const absl::StatusOr<std::unique_ptr<AuditReader>> reader = AuditReader::Open(*path);
  if (!reader.ok()) return complain(reader.status(), kExitFailed);
  RowPrinter printer(context.console, options);
  const absl::Status printed = options.Has(kEvents.name) ? PrintEvents(**reader, *filter, printer)
                                                         : PrintJobs(**reader, *filter, printer);
  return printed.ok() ? kExitOk : complain(printed, kExitFailed);
}

}  // namespace

constexpr Command kAuditQueryCommand = {
    .name = "audit query",
    .summary = "the rows of an audit log",
    .description =
        "Prints the jobs of an audit log, or its security events, in the order they were written.\n"
        "All conditions must hold. Works while the worker runs.",
    .options = kOptions,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
