#include "daemon/cache_contexts.h"

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// More configurations than anybody uses; beyond, all are forgotten and made again when needed.
constexpr size_t kMaxContexts = 64;

std::string KeyOf(const Config& config) {
  std::string key;
  for (const CacheTier& tier : config.cache) {
    StrAppend(&key, tier.location, "\n", static_cast<int>(tier.type), " ", tier.max_size, " ",
              static_cast<int>(tier.compression), " ", tier.read_only ? 1 : 0, "\n");
  }
  return key;
}

}  // namespace

CacheContext::CacheContext(const Config& config, FileSystem& fs, Clock& clock, FileMemo& memo)
    : fs_(fs),
      location_(config.local_directory),
      chain_(config, fs, clock),
      results_(chain_.store(), fs, clock, config.compresses(), &memo),
      toolchains_(chain_.store(), fs, clock, ToolchainMemo::Asking::kNever) {}

void CacheContext::Count(Counter counter, uint64_t amount) {
  std::shared_ptr<Statistics> statistics;
  {
    const std::lock_guard lock(mutex_);
    if (statistics_ == nullptr || !statistics_->IsCurrent(fs_)) {
      absl::StatusOr<std::unique_ptr<Statistics>> opened = Statistics::Open(fs_, location_);
      statistics_ = opened.ok() ? std::shared_ptr<Statistics>(*std::move(opened)) : nullptr;
    }
    statistics = statistics_;
  }
  if (statistics != nullptr) statistics->Add(counter, amount);
}

absl::StatusOr<std::shared_ptr<CacheContext>> CacheContexts::For(const Environment& environment) {
  HPCC_ASSIGN_OR_RETURN(const Config config, LoadConfig(fs_, environment));
  if (config.source_mode != SourceMode::kDirect) {
    return absl::FailedPreconditionError("source_mode is not direct");
  }
  const std::lock_guard lock(mutex_);
  std::shared_ptr<CacheContext>& context = contexts_[KeyOf(config)];
  if (context == nullptr) {
    context = std::make_shared<CacheContext>(config, fs_, clock_, memo_);
    if (contexts_.size() > kMaxContexts) {
      std::shared_ptr<CacheContext> made = context;
      contexts_.clear();
      return made;
    }
  }
  return context;
}

}  // namespace hpcc
