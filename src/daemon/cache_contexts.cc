#include "daemon/cache_contexts.h"

#include "base/digest.h"
#include "base/status.h"
#include "config/runtime_directory.h"
#include "remote/remote_protocol.h"

namespace hpcc {

namespace {

// More configurations than anybody uses; beyond, all are forgotten and made again when needed.
constexpr size_t kMaxContexts = 64;

// A digest, so that no secret is kept for its sake.
std::string KeyOf(const Config& config, const Environment& environment) {
  Hasher hasher("hpcc.cache-context.v1");
  hasher.Field(config.local_directory);
  for (const CacheTier& tier : config.cache) {
    hasher.Field(tier.location)
        .Number(static_cast<uint64_t>(tier.type))
        .Number(tier.max_size)
        .Number(static_cast<uint64_t>(tier.compression))
        .Number(tier.read_only ? 1 : 0);
    if (!tier.remote()) continue;
    const absl::StatusOr<remote_v1::Open> open =
        EncodeOpen(tier, config.signing, config.local_directory, environment);
    hasher.Field(open.ok() ? open->SerializeAsString() : std::string());
  }
  if (config.has_remote()) hasher.Field(RuntimeDirectory(config, environment));
  return std::string(hasher.Finish().bytes());
}

}  // namespace

CacheContext::CacheContext(const Config& config, const Environment& environment, FileSystem& fs,
                           Clock& clock, FileMemo& memo)
    : fs_(fs),
      location_(config.local_directory),
      chain_(config, environment, fs, clock),
      results_(chain_.store(), fs, clock, config.compresses(), &memo, chain_.shared_entries()),
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
  std::shared_ptr<CacheContext>& context = contexts_[KeyOf(config, environment)];
  if (context == nullptr) {
    context = std::make_shared<CacheContext>(config, environment, fs_, clock_, memo_);
    if (contexts_.size() > kMaxContexts) {
      std::shared_ptr<CacheContext> made = context;
      contexts_.clear();
      return made;
    }
  }
  return context;
}

}  // namespace hpcc
