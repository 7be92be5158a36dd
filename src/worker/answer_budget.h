#ifndef HPCC_WORKER_ANSWER_BUDGET_H_
#define HPCC_WORKER_ANSWER_BUDGET_H_

// How many bytes of answers a worker holds at once, for all tenants and for each: an answer stays
// in memory until its client has read it, and whoever asks need not read.
//
// A result counts once, however many answers share it; each of these adds the message that is on
// its way. What is held elsewhere as well (worker/result_memo.h) counts all the same.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "worker/stored_result.h"

namespace hpcc {

// Thread-safe.
class AnswerBudget {
  struct State;

 public:
  // Of one answer; given back by its destructor, which may come after the budget's. Empty: there
  // was no room.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept = default;
    Share& operator=(Share&& other) noexcept;
    ~Share();
    explicit operator bool() const { return state_ != nullptr; }

   private:
    friend class AnswerBudget;
    std::shared_ptr<State> state_;
    std::string tenant_;
    std::shared_ptr<const StoredResult> result_;
  };

  AnswerBudget(uint64_t max_bytes, uint64_t max_bytes_per_tenant);

  // One answer always fits: the first of a tenant, unless all of the worker's bytes are taken, and
  // the first of all. `result` is of this tenant alone.
  Share Enter(std::string_view tenant, std::shared_ptr<const StoredResult> result);
  // Whether anything fits, however small: what is the use of reading a result otherwise?
  bool HasRoom(std::string_view tenant) const;

  uint64_t bytes() const;

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_ANSWER_BUDGET_H_
