#ifndef HPCC_AGENT_BLOB_STORE_H_
#define HPCC_AGENT_BLOB_STORE_H_

// The blobs a sandbox keeps between execs, by digest, as files of a directory nobody else has. What
// was used longest ago goes when there is no room; never what somebody has pinned. Copies of them
// that execs have in their stages are in the same memory, and so count for the same capacity.

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/content_digest.h"
#include "base/digest.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// Thread-safe. Outlives its pins, arrivals and rooms.
class BlobStore {
 public:
  class Arrival;

  // Blobs that stay until this is gone.
  class Pins {
   public:
    explicit Pins(BlobStore& store) : store_(store) {}
    Pins(const Pins&) = delete;
    Pins& operator=(const Pins&) = delete;
    ~Pins();

    // False: it isn't there.
    bool Add(const Digest& digest);
    void Clear();
    // What they take of the capacity, together.
    uint64_t charge() const { return charge_; }

   private:
    friend class BlobStore;

    BlobStore& store_;
    absl::flat_hash_set<Digest> digests_;
    uint64_t charge_ = 0;
  };

  // A part of the capacity that is taken up outside of the store, until this is gone.
  class Room {
   public:
    Room() = default;
    Room(Room&& other) noexcept;
    Room& operator=(Room&& other) noexcept;
    ~Room();

   private:
    friend class BlobStore;
    Room(BlobStore& store, uint64_t bytes) : store_(&store), bytes_(bytes) {}

    BlobStore* store_ = nullptr;
    uint64_t bytes_ = 0;
  };

  // A blob on its way in: not there for anybody before Finish().
  class Arrival {
   public:
    Arrival(BlobStore& store, const Digest& digest) : store_(store), expected_(digest) {}
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;
    ~Arrival();

    // ResourceExhausted: too long for a blob, or no room that isn't pinned.
    absl::Status Add(std::string_view data);
    // InvalidArgument: the bytes aren't the digest's. With `pins` it is pinned at once.
    absl::Status Finish(Pins* pins);
    uint64_t size() const { return size_; }

   private:
    BlobStore& store_;
    const Digest expected_;
    ContentDigest digest_;
    Descriptor file_;
    std::string name_;
    uint64_t size_ = 0;
  };

  // `directory` is empty and holds `capacity` bytes.
  BlobStore(Descriptor directory, uint64_t capacity);

  // For reading. NotFound.
  absl::StatusOr<Descriptor> Open(const Digest& digest);

  // ResourceExhausted: no room that isn't pinned. InvalidArgument: there never will be, beside what
  // the caller has pinned itself.
  absl::StatusOr<Room> TakeRoom(uint64_t bytes, const Pins& own);

  // What a blob takes here, in whole pages; 0: it isn't here.
  uint64_t ChargeOf(const Digest& digest) const;

  uint64_t held() const;
  uint64_t capacity() const { return capacity_; }

 private:
  struct Blob {
    uint64_t charge = 0;  // what it takes of the capacity
    uint32_t pins = 0;
    std::list<Digest>::iterator use;
  };

  // All with the lock held. Charges, or says that there is no room, and then evicts nothing.
  bool Charge(uint64_t bytes);
  void Remove(const Digest& digest, const Blob& blob);
  void Pin(const Digest& digest, Blob& blob, Pins& pins);
  void Touch(Blob& blob);

  const Descriptor directory_;
  const uint64_t capacity_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<Digest, Blob> blobs_;
  std::list<Digest> uses_;  // the longest unused first
  uint64_t charged_ = 0;
  uint64_t evictable_ = 0;  // of it: blobs without pins
  uint64_t arrivals_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_BLOB_STORE_H_
