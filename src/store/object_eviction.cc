#include "store/object_eviction.h"

#include <algorithm>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "store/object_names.h"

namespace hpcc {

namespace {

constexpr size_t kBatch = 1000;
constexpr double kMostOthers = 16;  // more is a burst, not a rate
constexpr std::chrono::seconds kPauseAfterError{60};
// What remote tiers hold.
constexpr StoreNamespace kKinds[] = {StoreNamespace::kResult, StoreNamespace::kDirect};

struct Found {
  StoreKey key;
  uint64_t size;
  int64_t modified_ns;
};

// What a listing has found: how much it is in all, and the `most` that were used longest ago.
class Listing {
 public:
  explicit Listing(size_t most) : most_(most) {}

  void Add(const Found& object) {
    total_ += object.size;
    // A heap: the most recently used of those remembered is in front, and gives way.
    if (oldest_.size() == most_) {
      if (oldest_.empty() || !UsedBefore(object, oldest_.front())) return;
      std::pop_heap(oldest_.begin(), oldest_.end(), UsedBefore);
      oldest_.pop_back();
    }
    oldest_.push_back(object);
    std::push_heap(oldest_.begin(), oldest_.end(), UsedBefore);
  }

  uint64_t total() const { return total_; }  // bytes
  // The least recently used first.
  std::vector<Found> TakeOldest() {
    std::sort_heap(oldest_.begin(), oldest_.end(), UsedBefore);
    return std::move(oldest_);
  }

 private:
  static bool UsedBefore(const Found& a, const Found& b) { return a.modified_ns < b.modified_ns; }

  const size_t most_;
  uint64_t total_ = 0;
  std::vector<Found> oldest_;
};

// All values of the namespace, unless `stop` is true before the end. Anything else is passed over.
absl::StatusOr<Listing> ListValues(ObjectStore& objects, const std::string& name_space, size_t most,
                                   const std::atomic<bool>& stop) {
  Listing listing(most);
  std::string continuation;
  do {
    HPCC_ASSIGN_OR_RETURN(const ListPage page,
                          objects.List(ObjectPrefix(name_space), continuation));
    for (const ObjectInfo& object : page.objects) {
      const std::optional<StoreKey> key = ParseObjectName(name_space, object.name);
      if (key) listing.Add({*key, object.size, object.modified_ns});
    }
    continuation = page.continuation;
  } while (!continuation.empty() && !stop);
  return listing;
}

// Which part of all digests is not above this one.
double PartUpTo(const Digest& digest) {
  double part = 0;
  double weight = 1;
  for (const char byte : digest.bytes().substr(0, 6)) {
    weight /= 256;
    part += weight * static_cast<uint8_t>(byte);
  }
  return part + weight;
}

}  // namespace

ObjectEviction::ObjectEviction(ObjectStore& objects, std::string name_space, uint64_t max_size,
                               Clock& clock, size_t most_evicted_at_once)
    : objects_(objects),
      name_space_(std::move(name_space)),
      max_size_(max_size),
      clock_(clock),
      most_evicted_at_once_(most_evicted_at_once) {}

bool ObjectEviction::Added(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  estimate_ += bytes + static_cast<uint64_t>(others_ * static_cast<double>(bytes));
  put_since_total_ += bytes;
  if (put_since_sample_) *put_since_sample_ += bytes;
  return !running_ && (SampleIsOld() || Overshot()) &&
         clock_.MonotonicNanoseconds() >= not_before_ns_;
}

absl::Status ObjectEviction::Run(const std::atomic<bool>& stop) {
  bool sample = false;
  {
    const std::lock_guard lock(mutex_);
    if (running_) return absl::OkStatus();
    running_ = true;
    // What is only supposed of others is looked at before everything is listed for it.
    sample = SampleIsOld() || others_ > 0;
  }
  absl::Status status = sample ? Sample() : absl::OkStatus();
  bool overshot = false;
  {
    const std::lock_guard lock(mutex_);
    overshot = Overshot();
  }
  if (status.ok() && overshot && !stop) status = ListAndEvict(stop);
  const std::lock_guard lock(mutex_);
  running_ = false;
  if (!status.ok()) {
    not_before_ns_ =
        clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(kPauseAfterError).count();
  }
  return status;
}

absl::Status ObjectEviction::Sample() {
  uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = estimate_;
    put_since_sample_ = 0;
  }
  double total = 0;
  bool exact = true;
  for (const StoreNamespace kind : kKinds) {
    HPCC_ASSIGN_OR_RETURN(const ListPage page, objects_.List(ObjectPrefix(name_space_, kind), {}));
    uint64_t size = 0;
    double part = 0;
    for (const ObjectInfo& object : page.objects) {
      const std::optional<StoreKey> key = ParseObjectName(name_space_, object.name);
      if (!key) continue;
      size += object.size;
      part = PartUpTo(key->digest);
    }
    exact &= page.continuation.empty();
    if (page.continuation.empty()) part = 1;
    total += part > 0 ? static_cast<double>(size) / part : 0;
  }
  const std::lock_guard lock(mutex_);
  const auto bounded = static_cast<uint64_t>(std::min(total, 1e18));
  NoteTotal(bounded, exact);
  // What was put meanwhile may be in the sample too: rather too much than too little.
  estimate_ = bounded + (estimate_ - before);
  return absl::OkStatus();
}

void ObjectEviction::NoteTotal(uint64_t total, bool exact) {
  if (exact && last_total_ && put_since_total_ != 0) {
    const uint64_t grown = total > *last_total_ ? total - *last_total_ : 0;
    const uint64_t by_others = grown > put_since_total_ ? grown - put_since_total_ : 0;
    others_ = std::min(kMostOthers,
                       static_cast<double>(by_others) / static_cast<double>(put_since_total_));
  }
  last_total_ = exact ? std::optional(total) : std::nullopt;
  put_since_total_ = 0;
  if (!exact) others_ = 0;
}

absl::Status ObjectEviction::ListAndEvict(const std::atomic<bool>& stop) {
  uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = estimate_;
  }
  HPCC_ASSIGN_OR_RETURN(Listing listing,
                        ListValues(objects_, name_space_, most_evicted_at_once_, stop));
  if (stop) return absl::OkStatus();
  uint64_t total = listing.total();
  const std::vector<Found> found = listing.TakeOldest();
  const uint64_t target = max_size_ - max_size_ / 10;
  absl::Status status = absl::OkStatus();
  size_t next = 0;
  // Somebody else may have made room already.
  const bool needed = total > max_size_;
  while (needed && total > target && next < found.size() && !stop) {
    std::vector<std::string> names;
    uint64_t size = 0;
    for (; next < found.size() && names.size() < kBatch && total - size > target; ++next) {
      names.push_back(ObjectName(name_space_, found[next].key));
      size += found[next].size;
    }
    status = objects_.RemoveMany(names);
    if (!status.ok()) break;
    total -= size;
    const std::lock_guard lock(mutex_);
    evicted_ += names.size();
  }
  const std::lock_guard lock(mutex_);
  // Evicted since the last sample: what others put meanwhile is not known from this.
  last_total_ = total;
  put_since_total_ = 0;
  // What others of this program have put since the listing began comes on top.
  estimate_ = total + (estimate_ - before);
  return status;
}

uint64_t ObjectEviction::estimated_size() const {
  const std::lock_guard lock(mutex_);
  return estimate_;
}

uint64_t ObjectEviction::evicted() const {
  const std::lock_guard lock(mutex_);
  return evicted_;
}

}  // namespace hpcc
