#ifndef HPCC_WORKER_ANSWER_BUDGET_H_
#define HPCC_WORKER_ANSWER_BUDGET_H_

// How many bytes of answers a worker holds at once, for all tenants and for each: an answer stays
// in memory until its client has read it, and whoever asks need not read.
//
// A result counts once, however many answers share it; each of these adds the message that is on
// its way. What is held elsewhere as well (worker/result_memo.h) counts all the same.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "worker/stored_result.h"

namespace hpcc {

// Thread-safe. Outlives its shares.
class AnswerBudget {
 public:
  // Of one answer; given back by its destructor. Empty: there was no room.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)),
          tenant_(std::move(other.tenant_)),
          result_(std::move(other.result_)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(tenant_, other.tenant_);
      std::swap(result_, other.result_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->Leave(*this);
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class AnswerBudget;
    AnswerBudget* budget_ = nullptr;
    std::string tenant_;
    std::shared_ptr<const StoredResult> result_;
  };

  AnswerBudget(uint64_t max_bytes, uint64_t max_bytes_per_tenant)
      : max_bytes_(max_bytes), max_bytes_per_tenant_(max_bytes_per_tenant) {}

  // One answer always fits: the first of a tenant, unless all of the worker's bytes are taken, and
  // the first of all. `result` is of this tenant alone.
  Share Enter(std::string_view tenant, std::shared_ptr<const StoredResult> result);
  // Whether anything fits, however small: what is the use of reading a result otherwise?
  bool HasRoom(std::string_view tenant) const;

  uint64_t bytes() const;

 private:
  void Leave(const Share& share);
  uint64_t BytesOfTenant(std::string_view tenant) const;  // with the lock held

  const uint64_t max_bytes_;
  const uint64_t max_bytes_per_tenant_;
  mutable std::mutex mutex_;
  uint64_t bytes_ = 0;
  std::map<std::string, uint64_t, std::less<>> of_tenants_;   // none with 0
  absl::flat_hash_map<const StoredResult*, size_t> answers_;  // that share it
};

}  // namespace hpcc

#endif  // HPCC_WORKER_ANSWER_BUDGET_H_
