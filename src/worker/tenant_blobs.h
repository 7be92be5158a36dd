#ifndef HPCC_WORKER_TENANT_BLOBS_H_
#define HPCC_WORKER_TENANT_BLOBS_H_

// One tenant's blobs, by digest: a source or header is sent once and kept for every later compile
// of that tenant, until the tenant's share is full and the least recently used go.
//
//   <root>/<first two hex>/<64 hex>    a blob
//   <root>/tmp/<name>                  one that is arriving; removed when the store is opened
//
// A blob is written aside, checked against its digest, and renamed into place. Nothing is synced: a
// blob torn by a power cut shows when it is read, is removed, and counts as missing. When a blob
// was last used is its file's mtime, to the hour. The index is in memory: one process per root.

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file_system.h"

namespace hpcc {

struct TenantBlobsOptions {
  std::string root;        // absolute
  uint64_t max_bytes = 0;  // each blob counts in grains of kBlobGrainBytes
  // What a blob's digest is made with.
  Digest (*naming)(std::string_view) = &Digest::Of;
};

// Reads a blob of a store that may be another process's, and touches nothing there: no use is
// noted, nothing is removed. NotFound: it isn't there. DataLoss: it has other contents than it was
// kept with.
absl::StatusOr<std::string> ReadKeptBlob(FileSystem& fs, const TenantBlobsOptions& options,
                                         const Digest& digest);

// Thread-safe.
class TenantBlobs {
 public:
  // `fs` and `clock` outlive the store. Touches nothing.
  TenantBlobs(TenantBlobsOptions options, FileSystem& fs, Clock& clock);

  // Makes the directories, forgets what never arrived whole, and finds what is there. Once, first.
  absl::Status Open();

  // Whether the blob is there; it counts as used then.
  bool Contains(const Digest& digest);
  // NotFound: it isn't there, or was damaged and has been removed.
  absl::StatusOr<std::string> Read(const Digest& digest);
  // InvalidArgument: `bytes` has another digest. ResourceExhausted: larger than the share.
  absl::Status Put(const Digest& digest, std::string_view bytes);

  // Room for a blob that is arriving: older blobs go now, and what is reserved is no one else's.
  // The room is given back by the destructor, or becomes the blob's with Adopt.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }
    void Release();

   private:
    friend class TenantBlobs;
    TenantBlobs* store_ = nullptr;
    uint64_t bytes_ = 0;
  };
  // ResourceExhausted: the share can't hold it beside all that arrives at this moment.
  absl::StatusOr<Reservation> Reserve(uint64_t size);

  struct Temporary {
    std::unique_ptr<File> file;
    std::string path;
  };
  absl::StatusOr<Temporary> CreateTemporary();
  // Renames a written and checked file into place. On an error the file is still where it was.
  absl::Status Adopt(const std::string& temporary, const Digest& digest, uint64_t size,
                     Reservation reservation);

  // Changes the share; what is beyond it goes.
  void SetMaxBytes(uint64_t max_bytes);

  uint64_t bytes() const;
  size_t count() const;

 private:
  struct Blob {
    uint64_t size = 0;
    int64_t marked_ns = 0;  // its file's mtime, as far as it was set
    std::list<Digest>::iterator place;
  };

  std::string PathOf(const Digest& digest) const;
  absl::Status FindShard(const std::string& directory,
                         std::vector<std::pair<int64_t, std::pair<Digest, uint64_t>>>* found);
  void Insert(const Digest& digest, uint64_t size, int64_t marked_ns);  // mutex_ is held
  void Forget(const Digest& digest);                                    // mutex_ is held
  void EvictDownTo(uint64_t bytes);                                     // mutex_ is held

  const TenantBlobsOptions options_;
  FileSystem& fs_;
  Clock& clock_;
  mutable std::mutex mutex_;
  uint64_t max_bytes_;
  uint64_t bytes_ = 0;     // of blobs, in grains
  uint64_t reserved_ = 0;  // of those that arrive
  uint64_t temporaries_ = 0;
  std::list<Digest> by_use_;  // the most recent first
  absl::flat_hash_map<Digest, Blob> blobs_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_TENANT_BLOBS_H_
