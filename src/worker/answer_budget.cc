#include "worker/answer_budget.h"

#include <algorithm>

#include "worker/limits.h"

namespace hpcc {

namespace {

// Of one answer, besides the result.
uint64_t OwnBytes(const StoredResult& result) {
  return std::min<uint64_t>(result.bundle.size(), kReplyChunkBytes);
}

}  // namespace

uint64_t AnswerBudget::BytesOfTenant(std::string_view tenant) const {
  const auto found = of_tenants_.find(tenant);
  return found == of_tenants_.end() ? 0 : found->second;
}

AnswerBudget::Share AnswerBudget::Enter(std::string_view tenant,
                                        std::shared_ptr<const StoredResult> result) {
  Share share;
  const std::lock_guard lock(mutex_);
  const auto sharing = answers_.find(result.get());
  const bool is_first = sharing == answers_.end();
  const uint64_t bytes = OwnBytes(*result) + (is_first ? result->bundle.size() : 0);
  const uint64_t of_tenant = BytesOfTenant(tenant);
  const bool tenant_may = of_tenant == 0 || of_tenant + bytes <= max_bytes_per_tenant_;
  const bool worker_may =
      bytes_ + bytes <= max_bytes_ || (of_tenant == 0 && bytes_ < max_bytes_) || bytes_ == 0;
  if (!tenant_may || !worker_may) return share;
  bytes_ += bytes;
  if (bytes != 0) of_tenants_[std::string(tenant)] += bytes;
  ++answers_[result.get()];
  share.budget_ = this;
  share.tenant_ = tenant;
  share.result_ = std::move(result);
  return share;
}

void AnswerBudget::Leave(const Share& share) {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = OwnBytes(*share.result_);
  const auto sharing = answers_.find(share.result_.get());
  if (--sharing->second == 0) {
    bytes += share.result_->bundle.size();
    answers_.erase(sharing);
  }
  bytes_ -= bytes;
  const auto of_tenant = of_tenants_.find(share.tenant_);
  if (of_tenant == of_tenants_.end()) return;  // nothing but empty ones
  of_tenant->second -= bytes;
  if (of_tenant->second == 0) of_tenants_.erase(of_tenant);
}

bool AnswerBudget::HasRoom(std::string_view tenant) const {
  const std::lock_guard lock(mutex_);
  return bytes_ < max_bytes_ && BytesOfTenant(tenant) < max_bytes_per_tenant_;
}

uint64_t AnswerBudget::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hpcc
