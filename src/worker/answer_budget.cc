#include "worker/answer_budget.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "worker/limits.h"

namespace hpcc {

struct AnswerBudget::State {
  State(uint64_t all, uint64_t of_one) : max_bytes(all), max_bytes_per_tenant(of_one) {}

  // With the lock held.
  uint64_t BytesOfTenant(std::string_view tenant) const {
    const auto found = of_tenants.find(tenant);
    return found == of_tenants.end() ? 0 : found->second;
  }
  void Leave(const Share& share);

  const uint64_t max_bytes;
  const uint64_t max_bytes_per_tenant;
  std::mutex mutex;
  uint64_t bytes = 0;
  std::map<std::string, uint64_t, std::less<>> of_tenants;   // none with 0
  absl::flat_hash_map<const StoredResult*, size_t> answers;  // that share it
};

namespace {

// Of one answer, besides the result.
uint64_t OwnBytes(const StoredResult& result) {
  return std::min<uint64_t>(result.bundle.size(), kReplyChunkBytes);
}

}  // namespace

void AnswerBudget::State::Leave(const Share& share) {
  const std::lock_guard lock(mutex);
  uint64_t left = OwnBytes(*share.result_);
  const auto sharing = answers.find(share.result_.get());
  if (--sharing->second == 0) {
    left += share.result_->bundle.size();
    answers.erase(sharing);
  }
  bytes -= left;
  const auto of_tenant = of_tenants.find(share.tenant_);
  if (of_tenant == of_tenants.end()) return;  // nothing but empty ones
  of_tenant->second -= left;
  if (of_tenant->second == 0) of_tenants.erase(of_tenant);
}

AnswerBudget::Share& AnswerBudget::Share::operator=(Share&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(tenant_, other.tenant_);
  std::swap(result_, other.result_);
  return *this;
}

AnswerBudget::Share::~Share() {
  if (state_ != nullptr) state_->Leave(*this);
}

AnswerBudget::AnswerBudget(uint64_t max_bytes, uint64_t max_bytes_per_tenant)
    : state_(std::make_shared<State>(max_bytes, max_bytes_per_tenant)) {}

AnswerBudget::Share AnswerBudget::Enter(std::string_view tenant,
                                        std::shared_ptr<const StoredResult> result) {
  Share share;
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  const bool is_first = !state.answers.contains(result.get());
  const uint64_t bytes = OwnBytes(*result) + (is_first ? result->bundle.size() : 0);
  const uint64_t of_tenant = state.BytesOfTenant(tenant);
  const bool tenant_may = of_tenant == 0 || of_tenant + bytes <= state.max_bytes_per_tenant;
  const bool worker_may = state.bytes == 0 || state.bytes + bytes <= state.max_bytes ||
                          (of_tenant == 0 && state.bytes < state.max_bytes);
  if (!tenant_may || !worker_may) return share;
  state.bytes += bytes;
  if (bytes != 0) state.of_tenants[std::string(tenant)] += bytes;
  ++state.answers[result.get()];
  share.state_ = state_;
  share.tenant_ = tenant;
  share.result_ = std::move(result);
  return share;
}

bool AnswerBudget::HasRoom(std::string_view tenant) const {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes < state_->max_bytes &&
         state_->BytesOfTenant(tenant) < state_->max_bytes_per_tenant;
}

uint64_t AnswerBudget::bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes;
}

}  // namespace hpcc
