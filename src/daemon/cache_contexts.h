#ifndef HPCC_DAEMON_CACHE_CONTEXTS_H_
#define HPCC_DAEMON_CACHE_CONTEXTS_H_

// The caches of those who ask. Each wrapper brings its own environment, and with it perhaps another
// configuration; what is set up for one is kept for the next.

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "cache/file_memo.h"
#include "cache/result_cache.h"
#include "cache/statistics.h"
#include "cache/toolchain_memo.h"
#include "client/cache_chain.h"
#include "config/config.h"

namespace hpcc {

// One configuration's caches. Thread-safe.
class CacheContext {
 public:
  CacheContext(const Config& config, const Environment& environment, FileSystem& fs, Clock& clock,
               FileMemo& memo);

  ResultCache& results() { return results_; }
  ToolchainMemo& toolchains() { return toolchains_; }
  const std::string& location() const { return location_; }
  // Lost without a word when they can't be kept.
  void Count(Counter counter, uint64_t amount = 1);

 private:
  FileSystem& fs_;
  std::string location_;
  CacheChain chain_;
  ResultCache results_;
  ToolchainMemo toolchains_;
  std::mutex mutex_;
  std::shared_ptr<Statistics> statistics_;  // guarded by mutex_; null while they can't be opened
};

// Thread-safe.
class CacheContexts {
 public:
  // All outlive the object.
  CacheContexts(FileSystem& fs, Clock& clock, FileMemo& memo)
      : fs_(fs), clock_(clock), memo_(memo) {}

  // For somebody with this environment. The error is what is wrong with the configuration.
  absl::StatusOr<std::shared_ptr<CacheContext>> For(const Environment& environment);

 private:
  FileSystem& fs_;
  Clock& clock_;
  FileMemo& memo_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<CacheContext>> contexts_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_CACHE_CONTEXTS_H_
