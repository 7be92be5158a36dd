#ifndef HPCC_REMOTE_TIER_STATISTICS_H_
#define HPCC_REMOTE_TIER_STATISTICS_H_

// What a remote cache did for this machine, kept beside hpcc's other counters so that it outlives
// hpcc-remote:
//
//   <local directory>/remote/<16 hex digits>.counters
//     file    = magic "HPCCRMST" , version:u64 = 1 , counter:u64 * 320
//     counter = TierCounter, or from kFirst…Latency a bucket of LatencyCounts
//   <local directory>/remote/<16 hex digits>.notice, as notice_file.h has it
//
// The digits begin the digest of the cache's name (CacheTier::Name). Integers are little-endian;
// counters are mapped and changed atomically (base/mapped_counters.h). The notice is the last thing
// that happened to the cache as a whole: it was skipped, or is used again.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/mapped_counters.h"
#include "config/config.h"
#include "store/remote_metrics.h"

namespace hpcc {

// Positions in the file: append only.
enum class TierCounter : uint16_t {
  kHits = 0,
  kMisses = 1,
  kReadErrors = 2,
  kRejected = 3,  // damaged, unsigned or foreign
  kSkipped = 4,   // not tried while the cache was skipped
  kWrites = 5,
  kWriteErrors = 6,
  kBytesReceived = 7,
  kBytesSent = 8,
  kEvicted = 9,
  kSuspensions = 10,
  kUnreachable = 11,  // hpcc-remote could not be asked
  kDropped = 12,      // values to be written that were not taken, or were given up
  kFirstHitLatency = 32,
  kFirstMissLatency = 128,
  kFirstWriteLatency = 224,
};
inline constexpr size_t kTierCounterCount = 320;

struct TierReport {
  RemoteMetrics metrics;
  uint64_t unreachable = 0;
  std::string notice;  // "": nothing happened yet
  int64_t notice_ns = 0;

  uint64_t errors() const { return metrics.read_errors + metrics.write_errors + unreachable; }
};

// Thread-safe, and safe between processes.
class TierStatistics {
 public:
  // Makes the file when it is missing.
  static absl::StatusOr<std::unique_ptr<TierStatistics>> Open(FileSystem& fs,
                                                              const std::string& local_directory,
                                                              const CacheTier& tier);

  void Add(TierCounter counter, uint64_t amount = 1);
  // Counts what happened between two readings of one cache's metrics.
  void AddDifference(const RemoteMetrics& before, const RemoteMetrics& now);
  void Zero();

 private:
  explicit TierStatistics(std::unique_ptr<MappedCounters> counters)
      : counters_(std::move(counters)) {}

  std::unique_ptr<MappedCounters> counters_;
};

// Lost without a word when it can't be written. Control characters become blanks.
void WriteTierNotice(FileSystem& fs, const std::string& local_directory, const CacheTier& tier,
                     int64_t now_ns, std::string_view text);

// All zero when nothing was counted yet.
absl::StatusOr<TierReport> ReadTierReport(FileSystem& fs, const std::string& local_directory,
                                          const CacheTier& tier);

// Where they are, without ".counters" and ".notice".
std::string TierRecordsPath(const std::string& local_directory, const CacheTier& tier);

}  // namespace hpcc

#endif  // HPCC_REMOTE_TIER_STATISTICS_H_
