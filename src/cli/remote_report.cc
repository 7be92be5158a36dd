#include "cli/remote_report.h"

#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "remote/remote_client.h"

namespace hpcc {

namespace {

// Both percentiles, or "-" when nothing was counted.
std::string Latency(const LatencyCounts& counts) {
  if (counts.Total() == 0) return "-";
  return StrCat("p50 ", FormatDuration(counts.Percentile(0.5)), ", p99 ",
                FormatDuration(counts.Percentile(0.99)));
}

Json LatencyJson(const LatencyCounts& counts) {
  if (counts.Total() == 0) return nullptr;
  return {{"p50_us", counts.Percentile(0.5).count()}, {"p99_us", counts.Percentile(0.99).count()}};
}

// By the hpcc-remote that runs, if any. Its answer is not needed: by then they are on disk.
void HaveCountersSaved(const CommandContext& context) {
  QueryRemote(context.fs, RemotePlace(context.config, context.environment)).status().IgnoreError();
}

void AddUnlessZero(std::string_view label, uint64_t count, TextTable* table) {
  if (count != 0) table->Row(label, StrCat(count), 1);
}

}  // namespace

absl::StatusOr<std::vector<RemoteReport>> ReadRemoteReports(const CommandContext& context) {
  std::vector<RemoteReport> reports;
  if (!context.config.has_remote()) return reports;
  HaveCountersSaved(context);
  for (const CacheTier& tier : context.config.cache) {
    if (!tier.remote()) continue;
    HPCC_ASSIGN_OR_RETURN(TierReport report,
                          ReadTierReport(context.fs, context.config.local_directory, tier));
    reports.push_back({&tier, std::move(report)});
  }
  return reports;
}

absl::Status ZeroRemoteReports(const CommandContext& context) {
  if (context.config.has_remote()) HaveCountersSaved(context);
  for (const CacheTier& tier : context.config.cache) {
    if (!tier.remote()) continue;
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<TierStatistics> statistics,
                          TierStatistics::Open(context.fs, context.config.local_directory, tier));
    statistics->Zero();
  }
  return absl::OkStatus();
}

void AddRemote(const RemoteReport& remote, int64_t now_ns, TextTable* table) {
  const TierReport& report = remote.report;
  const RemoteMetrics& metrics = report.metrics;
  const uint64_t reads = metrics.hits + metrics.misses;
  table->Row("Remote cache", Printable(remote.tier->Name()));
  table->Row("hits",
             StrCat(metrics.hits, " of ", reads, " (", FormatShare(metrics.hits, reads), ")"), 1);
  table->Row("misses", StrCat(metrics.misses), 1);
  table->Row("writes", StrCat(metrics.writes), 1);
  table->Row("errors", StrCat(report.errors()), 1);
  AddUnlessZero("damaged or untrusted", metrics.rejected, table);
  AddUnlessZero("skipped while failing", metrics.skipped, table);
  AddUnlessZero("writes given up", report.metrics.dropped, table);
  AddUnlessZero("evicted", metrics.evicted, table);
  table->Row("received", FormatBytes(metrics.bytes_received), 1);
  table->Row("sent", FormatBytes(metrics.bytes_sent), 1);
  table->Row("latency of hits", Latency(metrics.hit_latency), 1);
  table->Row("latency of misses", Latency(metrics.miss_latency), 1);
  table->Row("latency of writes", Latency(metrics.write_latency), 1);
  if (!report.notice.empty()) {
    table->Row(
        "last notice",
        StrCat(Printable(report.notice), " (", FormatTimeAndAge(report.notice_ns, now_ns), ")"), 1);
  }
}

Json ToJson(const RemoteReport& remote) {
  const TierReport& report = remote.report;
  const RemoteMetrics& metrics = report.metrics;
  Json json = {{"type", std::string(CacheTypeName(remote.tier->type))},
               {"name", remote.tier->Name()},
               {"hits", metrics.hits},
               {"misses", metrics.misses},
               {"errors", report.errors()},
               {"read_errors", metrics.read_errors},
               {"write_errors", metrics.write_errors},
               {"unreachable", report.unreachable},
               {"rejected", metrics.rejected},
               {"skipped", metrics.skipped},
               {"suspensions", metrics.suspensions},
               {"writes", metrics.writes},
               {"writes_dropped", report.metrics.dropped},
               {"evicted", metrics.evicted},
               {"bytes_received", metrics.bytes_received},
               {"bytes_sent", metrics.bytes_sent}};
  json["hit_latency"] = LatencyJson(metrics.hit_latency);
  json["miss_latency"] = LatencyJson(metrics.miss_latency);
  json["write_latency"] = LatencyJson(metrics.write_latency);
  json["notice"] = nullptr;
  if (!report.notice.empty()) {
    json["notice"] = {{"time", FormatIsoTime(report.notice_ns)}, {"text", report.notice}};
  }
  return json;
}

}  // namespace hpcc
