#ifndef HPCC_IMAGE_ROOT_CATALOG_H_
#define HPCC_IMAGE_ROOT_CATALOG_H_

// Prepared roots: what BuildRoot() makes of an image and an agent, kept for the next sandbox.
//
//   <store>/roots/<key>.squashfs        the root
//   <store>/roots/<key>.json            that it is whole, and what of; its mtime is the last use
//   <store>/roots/<key>.building        locked while somebody builds it
//   <store>/roots/<key>.use.<unique>    locked while somebody uses it
//   <store>/roots/catalog.lock          locked for an instant, to change any of these
//
//   key   = BLAKE3 of ("hpcc.root-key.v1", image digest, agent digest), in hex (base/digest.h)
//   .json = {"format": 1, "image": "sha256:…", "agent": BLAKE3 in hex, "bytes": of the root}
//
// A root counts as there once its .json does, which is written last and removed first, and while it
// is as long as that says: what a crash leaves behind is never taken for a root, and is removed.
// Many processes may share a catalogue.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "image/image_store.h"

namespace hpcc {

struct RootCatalogOptions {
  std::string agent_path;                   // of hpcc-agent
  uint64_t max_bytes = uint64_t{40} << 30;  // of all roots; the one just asked for always stays
  std::chrono::hours idle{24 * 30};         // a root unused for longer goes
  std::chrono::milliseconds patience{1'800'000};  // with another process that builds the root
};

// Makes the root of `layers` at `output_path`. RootCatalog passes BuildRoot() with its options.
using RootBuilder = std::function<absl::Status(const std::vector<LayerBlob>& layers,
                                               const std::string& output_path)>;

// A root in use: it stays as long as this lives. May be passed to another thread.
struct RootInUse {
  std::string path;          // of the squashfs file; nobody may write to it
  std::string image_digest;  // of the image's manifest
  Digest agent_digest;
  uint64_t bytes = 0;
  bool built = false;  // by this very call
  std::unique_ptr<Hold> hold;
};

struct RootEntry {
  std::string image_digest;
  std::string agent_digest;  // hex
  std::string path;
  uint64_t bytes = 0;
  int64_t last_used_ns = 0;  // since the epoch
  bool in_use = false;
};

// Thread-safe.
class RootCatalog {
 public:
  // `store` and what it was opened with outlive the catalogue.
  static absl::StatusOr<std::unique_ptr<RootCatalog>> Open(FileSystem& fs, Clock& clock,
                                                           ImageStore& store,
                                                           RootCatalogOptions options,
                                                           RootBuilder builder);

  // The root of an image that is in the store, by its manifest's digest. Builds it where it is
  // missing, which takes seconds to minutes; who asks for the same meanwhile waits for that. Then
  // makes room, as Trim().
  //
  // NotFound: the image is not in the store, or there is no agent. DataLoss: some of the image is
  // damaged, and where that is a blob of the store, removed from it (ImageStore::HasImage says no).
  // DeadlineExceeded: another
  // process builds for longer than `patience`. Else as of the builder.
  absl::StatusOr<RootInUse> Acquire(std::string_view image_digest);

  // Removes roots unused for `idle`, then the least recently used ones until all fit into
  // `max_bytes`, never one in use; and what crashes left behind. How many bytes that freed.
  absl::StatusOr<uint64_t> Trim();

  // All roots, the least recently used first.
  absl::StatusOr<std::vector<RootEntry>> List();

  // Removes the roots of an image but those in use; how many bytes that freed.
  absl::StatusOr<uint64_t> Remove(std::string_view image_digest);

 private:
  RootCatalog(FileSystem& fs, Clock& clock, ImageStore& store, RootCatalogOptions options,
              RootBuilder builder);

  struct Key {
    std::string name;  // hex
    std::string image_digest;
    Digest agent_digest;
  };
  absl::StatusOr<Key> MakeKey(std::string_view image_digest) const;
  std::string PathOf(std::string_view key, std::string_view extension) const;
  absl::StatusOr<std::unique_ptr<File>> Lock();
  // These have the catalogue's lock.
  absl::StatusOr<RootInUse> TakeLocked(const Key& key);
  absl::StatusOr<RootEntry> ReadEntryLocked(std::string_view key);
  absl::StatusOr<std::vector<std::string>> SweepLocked();
  absl::StatusOr<std::vector<std::pair<std::string, RootEntry>>> EntriesLocked();
  absl::Status RemoveLocked(const std::string& key);

  absl::StatusOr<RootInUse> Take(const Key& key);
  absl::StatusOr<RootInUse> Build(const Key& key);
  absl::Status RemoveDamaged(const std::vector<LayerBlob>& layers,
                             const absl::Status& failure) const;
  absl::StatusOr<RootInUse> Publish(const Key& key, const std::string& built_path);

  FileSystem& fs_;
  Clock& clock_;
  ImageStore& store_;
  const RootCatalogOptions options_;
  const RootBuilder builder_;
  const std::string directory_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_ROOT_CATALOG_H_
