#ifndef HPCC_WORKER_RESULT_MEMO_H_
#define HPCC_WORKER_RESULT_MEMO_H_

// Results that were asked for lately, in memory, so that a hit of many clients reads the disk once.
// Keys are those of WorkerResultKey: a key holds its tenant, so one tenant never gets another's.
//
// A large one is here only as long as somebody else holds it: while it is being sent, whoever asks
// for it shares that copy.
//
// A result stays for kBelieve and is then looked for on the disk again, where it is checked, and
// where its being used keeps it from eviction. What was removed there is a hit for that long still.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "base/digest.h"
#include "worker/stored_result.h"

namespace hpcc {

// Thread-safe.
class ResultMemo {
 public:
  static constexpr std::chrono::seconds kBelieve{60};

  // `max_bytes` of results together; one larger than a sixteenth of that is large, and the one used
  // least recently goes first.
  explicit ResultMemo(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null: not here, or for too long. `now_ns` is of a clock that is never set.
  std::shared_ptr<const StoredResult> Find(const Digest& key, int64_t now_ns);
  // Returns the one to use: of a large result that several have read at once, the same for all.
  std::shared_ptr<const StoredResult> Add(const Digest& key,
                                          std::shared_ptr<const StoredResult> result,
                                          int64_t now_ns);

  size_t bytes() const;

 private:
  struct Entry {
    Digest key;
    std::shared_ptr<const StoredResult> result;  // null: it is large
    std::weak_ptr<const StoredResult> held;
    size_t bytes = 0;
    int64_t added_ns = 0;
  };
  using Entries = std::list<Entry>;  // the one used last in front

  void Drop(Entries::iterator entry);

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;
  absl::flat_hash_map<Digest, Entries::iterator> places_;
  size_t bytes_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_RESULT_MEMO_H_
