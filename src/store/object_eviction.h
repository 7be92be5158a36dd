#ifndef HPCC_STORE_OBJECT_EVICTION_H_
#define HPCC_STORE_OBJECT_EVICTION_H_

// Keeps a namespace of a bucket to its size, with nobody in charge and no state but the bucket's.
//
// How much there is, is an estimate in memory: from a sample, with what this program puts added.
// The sample is the first page of each kind of value: digests spread names evenly, so the last name
// of a page says which part of all it is, and a page that is all there is is exact. It is taken
// anew each time this program has put a twentieth of the limit, to see what others put. As long as
// samples are exact, others are taken to go on putting as they did between the last two. When the
// estimate says that the limit is overshot by 10%, everything is listed once, and the least
// recently used go until 90% are left. Of what is listed, sizes are added up and only so many of
// the least recently used are remembered as may go at once: a namespace of any size is counted
// whole, in bounded memory, and one that is still too large is listed again at the next value put.
// Several programs doing this at once list the same and remove the same; an object put anew
// meanwhile may go too, and is a miss.
//
// A bucket knows when an object was written, not when it was read. So a read of an object older
// than kRefreshAfter makes its time the present (ObjectStore::Refresh), in the background: least
// recently used is right to about a day.

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/object_store.h"

namespace hpcc {

inline constexpr std::chrono::hours kRefreshAfter{24};
// Objects that one listing remembers and may evict, however many there are: 56 bytes each.
inline constexpr size_t kMostEvictedAtOnce = 1'000'000;

// Thread-safe.
class ObjectEviction {
 public:
  // `objects` and `clock` outlive it.
  ObjectEviction(ObjectStore& objects, std::string name_space, uint64_t max_size, Clock& clock,
                 size_t most_evicted_at_once = kMostEvictedAtOnce);

  // This many bytes were put. True when it is time for Run().
  bool Added(uint64_t bytes);
  // Estimates, and evicts if need be. One at a time: OK at once while another runs. After an error
  // it is not time again for a minute. Ends early, with OK, once `stop` is true.
  absl::Status Run(const std::atomic<bool>& stop);

  uint64_t estimated_size() const;
  uint64_t evicted() const;

 private:
  absl::Status Sample();
  // With mutex_: what is there now, as far as it is known, and whether that is exact.
  void NoteTotal(uint64_t total, bool exact);
  absl::Status ListAndEvict(const std::atomic<bool>& stop);
  bool SampleIsOld() const { return !put_since_sample_ || *put_since_sample_ > max_size_ / 20; }
  bool Overshot() const { return estimate_ > max_size_ + max_size_ / 10; }

  ObjectStore& objects_;
  const std::string name_space_;
  const uint64_t max_size_;
  Clock& clock_;
  const size_t most_evicted_at_once_;
  mutable std::mutex mutex_;
  bool running_ = false;
  uint64_t estimate_ = 0;
  std::optional<uint64_t> put_since_sample_;  // bytes; none: there was no sample yet
  std::optional<uint64_t> last_total_;        // of the last sample or listing, if it was exact
  uint64_t put_since_total_ = 0;              // bytes
  double others_ = 0;                         // bytes that others put for each that is put here
  uint64_t evicted_ = 0;
  int64_t not_before_ns_ = 0;  // monotonic
};

}  // namespace hpcc

#endif  // HPCC_STORE_OBJECT_EVICTION_H_
