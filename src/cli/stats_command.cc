#include <array>
#include <optional>

#include "absl/status/status.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cache/statistics.h"
#include "cli/caches.h"
#include "cli/command.h"
#include "cli/daemon_status.h"
#include "cli/json_output.h"
#include "cli/remote_compile_report.h"
#include "cli/remote_report.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr OptionSpec kZero = {"--zero", "", "set the counters to zero"};
constexpr OptionSpec kWatch = {"--watch", "", "print again every second, until Ctrl-C"};
constexpr std::array kOptions = {kJsonOption, kZero, kWatch};
constexpr std::chrono::milliseconds kWatchInterval{1000};
constexpr std::string_view kToTopLeft = "\033[H\033[J";  // and clears what was there

struct TierUsage {
  const CacheTier* tier;
  DiskUsage usage;
};

struct Report {
  StatisticsSnapshot counts;
  std::vector<TierUsage> tiers;
  uint64_t bytes = 0;
  uint64_t files = 0;
  uint64_t max_size = 0;  // of all tiers together; 0: at least one has no limit
  std::vector<RemoteReport> remotes;
  RemoteCompileReport remote_compiles;
  std::optional<daemon_v1::StatusReport> daemon;  // of the one that runs
};

absl::StatusOr<Report> MakeReport(const CommandContext& context) {
  Report report;
  HPCC_ASSIGN_OR_RETURN(report.counts, ReadStatistics(context.fs, context.config.local_directory));
  bool limited = true;
  for (const CacheTier& tier : context.config.cache) {
    if (tier.remote()) continue;
    absl::StatusOr<DiskUsage> usage = OpenDiskStore(context, tier).Usage();
    if (absl::IsNotFound(usage.status())) usage = DiskUsage();
    if (!usage.ok()) return usage.status();
    report.tiers.push_back({&tier, *usage});
    report.bytes += usage->bytes;
    report.files += usage->files;
    report.max_size += tier.max_size;
    limited = limited && tier.max_size != 0;
  }
  if (!limited) report.max_size = 0;
  HPCC_ASSIGN_OR_RETURN(report.remotes, ReadRemoteReports(context));
  report.remote_compiles = ReadRemoteCompileReport(context, report.counts);
  report.daemon = AskDaemonForStatus(context);
  return report;
}

// Of `reason`, which may be one that only a newer hpcc knows.
std::string ReasonName(int reason) {
  if (reason < kNotCacheableReasonCount) {
    return std::string(NotCacheableReasonName(static_cast<NotCacheableReason>(reason)));
  }
  return StrCat("reason-", reason);
}

uint64_t ReasonCount(const StatisticsSnapshot& counts, int reason) {
  return counts.counters[static_cast<int>(Counter::kNotCacheableFirst) + reason];
}

constexpr int kReasonSlots = kCounterCount - static_cast<int>(Counter::kNotCacheableFirst);

std::string LimitText(uint64_t max_size) {
  return max_size == 0 ? "no limit" : FormatBytes(max_size);
}

Json ToJson(const Report& report) {
  const StatisticsSnapshot& counts = report.counts;
  const uint64_t lookups = counts.hits() + counts.of(Counter::kMiss);
  Json json;
  json["hits"] = counts.hits();
  json["direct_hits"] = counts.of(Counter::kDirectHit);
  json["preprocessed_hits"] = counts.of(Counter::kPreprocessedHit);
  json["misses"] = counts.of(Counter::kMiss);
  json["hit_rate"] = lookups == 0
                         ? Json(nullptr)
                         : Json(static_cast<double>(counts.hits()) / static_cast<double>(lookups));
  json["not_cacheable"] = counts.not_cacheable();
  json["not_cacheable_by_reason"] = Json::object();
  for (int reason = 0; reason < kReasonSlots; ++reason) {
    const uint64_t count = ReasonCount(counts, reason);
    if (count != 0) json["not_cacheable_by_reason"][ReasonName(reason)] = count;
  }
  json["errors"] = counts.of(Counter::kError);
  json["store_errors"] = counts.of(Counter::kStoreError);
  json["corrupt_entries"] = counts.of(Counter::kCorruptEntry);
  json["time_saved_seconds"] = static_cast<double>(counts.of(Counter::kTimeSavedNanoseconds)) / 1e9;
  json["bytes_read"] = counts.of(Counter::kBytesRead);
  json["bytes_written"] = counts.of(Counter::kBytesWritten);
  const uint64_t zeroed = counts.of(Counter::kZeroedAtSeconds);
  json["zeroed_at"] = zeroed == 0
                          ? Json(nullptr)
                          : Json(FormatIsoTime(static_cast<int64_t>(zeroed) * 1'000'000'000));
  json["cache_bytes"] = report.bytes;
  json["files"] = report.files;
  json["max_size"] = report.max_size;
  json["caches"] = Json::array();
  for (const TierUsage& tier : report.tiers) {
    json["caches"].push_back({{"location", tier.tier->location},
                              {"bytes", tier.usage.bytes},
                              {"files", tier.usage.files},
                              {"max_size", tier.tier->max_size}});
  }
  json["remote_caches"] = Json::array();
  for (const RemoteReport& remote : report.remotes) json["remote_caches"].push_back(ToJson(remote));
  json["remote_compiles"] = ToJson(report.remote_compiles);
  json["daemon"] = nullptr;
  if (report.daemon) {
    const daemon_v1::StatusReport& daemon = *report.daemon;
    json["daemon"] = {{"pid", daemon.process()},
                      {"version", daemon.hpcc_version()},
                      {"protocol", kDaemonProtocolVersion},
                      {"started_at", FormatIsoTime(daemon.started_ns())},
                      {"requests", daemon.requests()},
                      {"compiles_in_flight", daemon.compiles_in_flight()},
                      {"waiting", daemon.waiting()},
                      {"memo_files", daemon.memo_files()},
                      {"memo_bytes", daemon.memo_bytes()},
                      {"memo_limit_bytes", daemon.memo_limit_bytes()},
                      {"hot_bytes", daemon.hot_bytes()},
                      {"security_events", daemon.security_events()}};
  }
  return json;
}

void AddDaemon(const daemon_v1::StatusReport& daemon, int64_t now_ns, TextTable* table) {
  table->Row("Daemon", StrCat("process ", daemon.process(), ", since ",
                              FormatTimeAndAge(daemon.started_ns(), now_ns)));
  table->Row("requests", StrCat(daemon.requests()), 1);
  table->Row("compiles in flight",
             StrCat(daemon.compiles_in_flight(),
                    daemon.waiting() == 0 ? "" : StrCat(", ", daemon.waiting(), " waiting")),
             1);
  table->Row("memo",
             StrCat(daemon.memo_files(), " files, ", FormatBytes(daemon.memo_bytes()), " of ",
                    FormatBytes(daemon.memo_limit_bytes())),
             1);
  table->Row("results in memory", FormatBytes(daemon.hot_bytes()), 1);
  if (daemon.security_events() != 0) {
    table->Row("security events", StrCat(daemon.security_events()), 1);
  }
}

std::string ToText(const Report& report, int64_t now_ns) {
  const StatisticsSnapshot& counts = report.counts;
  const uint64_t lookups = counts.hits() + counts.of(Counter::kMiss);
  TextTable table;
  if (const uint64_t zeroed = counts.of(Counter::kZeroedAtSeconds); zeroed != 0) {
    table.Row("Counted since",
              FormatTimeAndAge(static_cast<int64_t>(zeroed) * 1'000'000'000, now_ns));
  }
  table.Row("Hits",
            StrCat(counts.hits(), " of ", lookups, " (", FormatShare(counts.hits(), lookups), ")"));
  table.Row("direct", StrCat(counts.of(Counter::kDirectHit)), 1);
  table.Row("preprocessed", StrCat(counts.of(Counter::kPreprocessedHit)), 1);
  table.Row("Misses", StrCat(counts.of(Counter::kMiss)));
  table.Row("Not cacheable", StrCat(counts.not_cacheable()));
  for (int reason = 0; reason < kReasonSlots; ++reason) {
    const uint64_t count = ReasonCount(counts, reason);
    if (count != 0) table.Row(ReasonName(reason), StrCat(count), 1);
  }
  table.Row("Errors", StrCat(counts.of(Counter::kError)));
  if (const uint64_t count = counts.of(Counter::kStoreError); count != 0) {
    table.Row("Results not kept", StrCat(count));
  }
  if (const uint64_t count = counts.of(Counter::kCorruptEntry); count != 0) {
    table.Row("Damaged entries", StrCat(count));
  }
  table.Row("Compile time saved",
            FormatDuration(std::chrono::nanoseconds(counts.of(Counter::kTimeSavedNanoseconds))));
  for (const TierUsage& tier : report.tiers) {
    std::string size =
        StrCat(FormatBytes(tier.usage.bytes), " of ", LimitText(tier.tier->max_size));
    if (tier.tier->max_size != 0) {
      StrAppend(&size, " (", FormatShare(tier.usage.bytes, tier.tier->max_size), ")");
    }
    table.Row("Cache", Printable(tier.tier->location));
    table.Row("size", size, 1);
    table.Row("files", StrCat(tier.usage.files), 1);
  }
  for (const RemoteReport& remote : report.remotes) AddRemote(remote, now_ns, &table);
  AddRemoteCompiles(report.remote_compiles, now_ns, &table);
  if (report.daemon) AddDaemon(*report.daemon, now_ns, &table);
  return table.ToString();
}

int ReportFailed(const CommandContext& context, const absl::Status& status) {
  const bool damaged = absl::IsDataLoss(status);
  return Complain(context, kStatsCommand,
                  StrCat(std::string(status.message()),
                         damaged ? "; 'hpcc stats --zero' makes a new one" : ""));
}

// Where nobody looks at a screen, one report follows the other.
int Watch(const CommandContext& context) {
  BlockEndingSignals();
  do {
    const absl::StatusOr<Report> report = MakeReport(context);
    if (!report.ok()) return ReportFailed(context, report.status());
    const std::string text = ToText(*report, context.clock.NowNanoseconds());
    context.console.Out(context.console.out_terminal.is_terminal ? StrCat(kToTopLeft, text)
                                                                 : StrCat(text, "\n"));
    context.console.Flush();
  } while (WaitForSignal(kWatchInterval) == 0);
  return kExitOk;
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const bool zero = options.Has(kZero.name);
  const bool json = options.Has(kJsonOption.name);
  if (options.Has(kWatch.name)) {
    if (!zero && !json) return Watch(context);
    return Complain(context, kStatsCommand, "--watch goes with no other option", kExitUsage);
  }
  // With --json the counters are printed as they were, so that a script loses no count between
  // reading and clearing.
  if (!zero || json) {
    const absl::StatusOr<Report> report = MakeReport(context);
    if (!report.ok()) return ReportFailed(context, report.status());
    context.console.Out(json ? JsonText(ToJson(*report))
                             : ToText(*report, context.clock.NowNanoseconds()));
  }
  if (!zero) return kExitOk;
  const auto statistics = Statistics::Open(context.fs, context.config.local_directory);
  if (!statistics.ok()) {
    return Complain(context, kStatsCommand, std::string(statistics.status().message()));
  }
  (*statistics)->Zero(static_cast<uint64_t>(context.clock.NowNanoseconds() / 1'000'000'000));
  const absl::Status remotes = ZeroRemoteReports(context);
  if (!remotes.ok()) return Complain(context, kStatsCommand, std::string(remotes.message()));
  if (!json) context.console.Out("The counters are zero.\n");
  return kExitOk;
}

}  // namespace

constexpr Command kStatsCommand = {
    .name = "stats",
    .summary = "what the cache did and holds",
    .description =
        "Prints hits, misses and refusals by reason, the compile time that hits saved, and how\n"
        "full the caches are; of remote ones hits, misses, errors, bytes and latency; what "
        "workers\n"
        "compiled, and why not the rest. With --json\n"
        "and --zero together the counters are printed as they were before. What a running daemon\n"
        "holds is told too; the counters are the same with and without one.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
