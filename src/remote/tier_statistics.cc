#include "remote/tier_statistics.h"

#include "base/digest.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "remote/notice_file.h"

namespace hpcc {

namespace {

constexpr std::string_view kMagic = "HPCCRMST";
constexpr uint64_t kVersion = 1;
constexpr size_t kNameDigits = 16;

static_assert(static_cast<size_t>(TierCounter::kFirstWriteLatency) + LatencyCounts::kBuckets <=
              kTierCounterCount);

size_t Index(TierCounter counter) {
  return static_cast<size_t>(counter);
}

// Calls `use` with each plain counter and the member of RemoteMetrics it stands for.
template <typename Use>
void ForEachCounter(Use use) {
  use(TierCounter::kHits, &RemoteMetrics::hits);
  use(TierCounter::kMisses, &RemoteMetrics::misses);
  use(TierCounter::kReadErrors, &RemoteMetrics::read_errors);
  use(TierCounter::kRejected, &RemoteMetrics::rejected);
  use(TierCounter::kSkipped, &RemoteMetrics::skipped);
  use(TierCounter::kWrites, &RemoteMetrics::writes);
  use(TierCounter::kWriteErrors, &RemoteMetrics::write_errors);
  use(TierCounter::kBytesReceived, &RemoteMetrics::bytes_received);
  use(TierCounter::kBytesSent, &RemoteMetrics::bytes_sent);
  use(TierCounter::kEvicted, &RemoteMetrics::evicted);
  use(TierCounter::kSuspensions, &RemoteMetrics::suspensions);
  use(TierCounter::kDropped, &RemoteMetrics::dropped);
}

template <typename Use>
void ForEachLatency(Use use) {
  use(TierCounter::kFirstHitLatency, &RemoteMetrics::hit_latency);
  use(TierCounter::kFirstMissLatency, &RemoteMetrics::miss_latency);
  use(TierCounter::kFirstWriteLatency, &RemoteMetrics::write_latency);
}

absl::StatusOr<std::unique_ptr<MappedCounters>> Map(FileSystem& fs,
                                                    const std::string& local_directory,
                                                    const CacheTier& tier,
                                                    MappedCounters::Access access) {
  return MappedCounters::Open(fs, TierRecordsPath(local_directory, tier) + ".counters", kMagic,
                              kVersion, kTierCounterCount, access);
}

}  // namespace

std::string TierRecordsPath(const std::string& local_directory, const CacheTier& tier) {
  const std::string name = Digest::Of(tier.Name()).ToHex().substr(0, kNameDigits);
  return path::Join(path::Join(local_directory, "remote"), name);
}

absl::StatusOr<std::unique_ptr<TierStatistics>> TierStatistics::Open(
    FileSystem& fs, const std::string& local_directory, const CacheTier& tier) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<MappedCounters> counters,
                        Map(fs, local_directory, tier, MappedCounters::Access::kReadWrite));
  return std::unique_ptr<TierStatistics>(new TierStatistics(std::move(counters)));
}

void TierStatistics::Add(TierCounter counter, uint64_t amount) {
  counters_->Add(Index(counter), amount);
}

void TierStatistics::AddDifference(const RemoteMetrics& before, const RemoteMetrics& now) {
  const auto add = [this](size_t index, uint64_t was, uint64_t is) {
    if (is > was) counters_->Add(index, is - was);
  };
  ForEachCounter([&](TierCounter counter, uint64_t RemoteMetrics::*member) {
    add(Index(counter), before.*member, now.*member);
  });
  ForEachLatency([&](TierCounter first, LatencyCounts RemoteMetrics::*member) {
    for (size_t i = 0; i < LatencyCounts::kBuckets; ++i) {
      add(Index(first) + i, (before.*member).counts[i], (now.*member).counts[i]);
    }
  });
}

void TierStatistics::Zero() {
  for (size_t i = 0; i < kTierCounterCount; ++i) counters_->Store(i, 0);
}

void WriteTierNotice(FileSystem& fs, const std::string& local_directory, const CacheTier& tier,
                     int64_t now_ns, std::string_view text) {
  WriteNotice(fs, TierRecordsPath(local_directory, tier) + ".notice", now_ns, text);
}

absl::StatusOr<TierReport> ReadTierReport(FileSystem& fs, const std::string& local_directory,
                                          const CacheTier& tier) {
  TierReport report;
  Notice notice = ReadNotice(fs, TierRecordsPath(local_directory, tier) + ".notice");
  report.notice = std::move(notice.text);
  report.notice_ns = notice.time_ns;
  const absl::StatusOr<std::unique_ptr<MappedCounters>> counters =
      Map(fs, local_directory, tier, MappedCounters::Access::kReadOnly);
  if (absl::IsNotFound(counters.status())) return report;
  if (!counters.ok()) return counters.status();
  const MappedCounters& from = **counters;
  ForEachCounter([&](TierCounter counter, uint64_t RemoteMetrics::*member) {
    report.metrics.*member = from.Load(Index(counter));
  });
  ForEachLatency([&](TierCounter first, LatencyCounts RemoteMetrics::*member) {
    for (size_t i = 0; i < LatencyCounts::kBuckets; ++i) {
      (report.metrics.*member).counts[i] = from.Load(Index(first) + i);
    }
  });
  report.unreachable = from.Load(Index(TierCounter::kUnreachable));
  return report;
}

}  // namespace hpcc
