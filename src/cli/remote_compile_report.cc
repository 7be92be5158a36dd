#include "cli/remote_compile_report.h"

#include "base/strings.h"
#include "remote/compile_client.h"
#include "remote/fallback_cause.h"

namespace hpcc {

namespace {

constexpr int kFirst = static_cast<int>(Counter::kRemoteFallbackFirst);

// Of `cause`, which may be one that only a newer hpcc knows.
std::string CauseName(int cause) {
  if (cause >= kFallbackCauseCount) return StrCat("cause-", cause);
  return std::string(FallbackCauseName(static_cast<FallbackCause>(cause)));
}

uint64_t Fallbacks(const StatisticsSnapshot& counts) {
  uint64_t sum = 0;
  for (int cause = 0; cause < kRemoteFallbackSlots; ++cause) sum += counts.counters[kFirst + cause];
  return sum;
}

}  // namespace

RemoteCompileReport ReadRemoteCompileReport(const CommandContext& context,
                                            const StatisticsSnapshot& counts) {
  RemoteCompileReport report{.shown = false, .counts = counts, .notice = {}};
  report.shown = context.config.remote.enabled() || counts.of(Counter::kRemoteCompile) != 0 ||
                 counts.of(Counter::kRemoteHit) != 0 || Fallbacks(counts) != 0;
  if (report.shown) {
    report.notice = ReadNotice(context.fs, CompileNoticeFile(context.config.local_directory));
  }
  return report;
}

void AddRemoteCompiles(const RemoteCompileReport& report, int64_t now_ns, TextTable* table) {
  if (!report.shown) return;
  const StatisticsSnapshot& counts = report.counts;
  const uint64_t compiled = counts.of(Counter::kRemoteCompile);
  const uint64_t hits = counts.of(Counter::kRemoteHit);
  table->Row("Remote compiles", StrCat(compiled + hits));
  table->Row("compiled by workers", StrCat(compiled), 1);
  table->Row("known to workers", StrCat(hits), 1);
  table->Row("compiled here instead", StrCat(Fallbacks(counts)), 1);
  for (int cause = 0; cause < kRemoteFallbackSlots; ++cause) {
    const uint64_t count = counts.counters[kFirst + cause];
    if (count != 0) table->Row(CauseName(cause), StrCat(count), 2);
  }
  if (report.notice.text.empty()) return;
  table->Row("last notice",
             StrCat(Printable(report.notice.text), " (",
                    FormatTimeAndAge(report.notice.time_ns, now_ns), ")"),
             1);
}

Json ToJson(const RemoteCompileReport& report) {
  if (!report.shown) return nullptr;
  Json json = {{"compiled", report.counts.of(Counter::kRemoteCompile)},
               {"hits", report.counts.of(Counter::kRemoteHit)},
               {"fallbacks", Fallbacks(report.counts)},
               {"fallbacks_by_cause", Json::object()},
               {"notice", nullptr}};
  for (int cause = 0; cause < kRemoteFallbackSlots; ++cause) {
    const uint64_t count = report.counts.counters[kFirst + cause];
    if (count != 0) json["fallbacks_by_cause"][CauseName(cause)] = count;
  }
  if (!report.notice.text.empty()) {
    json["notice"] = {{"time", FormatIsoTime(report.notice.time_ns)}, {"text", report.notice.text}};
  }
  return json;
}

}  // namespace hpcc
