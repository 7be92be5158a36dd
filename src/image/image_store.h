#ifndef HPCC_IMAGE_IMAGE_STORE_H_
#define HPCC_IMAGE_IMAGE_STORE_H_

// Images on disk, as an OCI image layout (OCI image specification 1.0, "image-layout.md") that
// other tools can read, and what hpcc needs beside it:
//
//   <directory>/oci-layout               {"imageLayoutVersion":"1.0.0"}
//   <directory>/index.json               one entry for each name of an image
//   <directory>/blobs/sha256/<hex>       manifests, configurations, layers; always whole
//   <directory>/partial/<hex>            the beginning of a blob that is being fetched, or was
//   <directory>/partial/<hex>.lock       locked while somebody fetches it, or removes a damaged one
//   <directory>/holds/pull.<unique>      locked while somebody needs blobs that no name may hold
//   yet <directory>/store.lock               locked for an instant, to change names
//
// A blob is written under partial/, verified by size and digest, and renamed into place. What a
// killed process left in partial/ is continued by the next to fetch that blob, or goes a week
// later. A blob that turns out to be damaged later is removed and is a warning in the log: the next
// pull fetches it. Many processes may use a store at once; all methods are thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "image/image_store_hold.h"
#include "image/oci_digest.h"
#include "image/oci_manifest.h"
#include "image/root_builder.h"

namespace hpcc {

// A blob on its way into the store. Not thread-safe.
class BlobWriter {
 public:
  ~BlobWriter() = default;  // without Commit(): what was written stays, for the next

  // Bytes there are already, from an earlier process or from Write().
  uint64_t offset() const { return offset_; }
  // Whether some of them are an earlier process's.
  bool resumed() const { return resumed_; }
  absl::Status Write(std::string_view bytes);
  // DataLoss: size or digest are others; what was written is removed.
  absl::Status Commit();

 private:
  friend class ImageStore;
  BlobWriter(FileSystem& fs, const OciDescriptor& descriptor) : fs_(fs), descriptor_(descriptor) {}
  absl::Status TakeUp();

  FileSystem& fs_;
  const OciDescriptor descriptor_;
  std::string partial_;
  std::string target_;
  std::unique_ptr<File> lock_;
  std::unique_ptr<File> file_;
  OciHasher hasher_;
  uint64_t offset_ = 0;
  bool resumed_ = false;
};

struct StoredImage {
  std::string name;    // a reference's ToString()
  std::string digest;  // of its manifest
  Platform platform;
  uint64_t bytes = 0;  // of all its blobs, those shared with other images included
};

class ImageStore {
 public:
  // Makes the directory where there is none. FailedPrecondition: it is something else, or of a
  // newer version. `fs` and `clock` outlive the store.
  static absl::StatusOr<std::unique_ptr<ImageStore>> Open(FileSystem& fs, Clock& clock,
                                                          const std::string& directory);

  const std::string& directory() const { return directory_; }
  std::string BlobPath(std::string_view digest) const;
  // Whether it is there with its size. Its bytes were verified when they came; BuildRoot() verifies
  // them again.
  bool HasBlob(const OciDescriptor& descriptor) const;
  // The same of an image's manifest, by its digest, its configuration and its layers.
  bool HasImage(std::string_view digest) const;
  // A small blob, verified. NotFound, ResourceExhausted. DataLoss: it is damaged, and removed.
  absl::StatusOr<std::string> ReadBlob(std::string_view digest, uint64_t max_bytes) const;
  // Reads all of a blob, and removes it when its bytes aren't what it is named after or can't be
  // read: the next pull fetches it. Whether it did; not one that somebody is fetching.
  absl::StatusOr<bool> RemoveIfDamaged(std::string_view digest) const;
  // Waits while another fetches it. Null: it is there (by now).
  absl::StatusOr<std::unique_ptr<BlobWriter>> StartBlob(const OciDescriptor& descriptor,
                                                        std::chrono::milliseconds bound);
  // Of bytes in memory, which need no verifying.
  absl::Status AddBlob(std::string_view bytes);

  // While this lives, no blob is removed.
  absl::StatusOr<std::unique_ptr<Hold>> HoldBlobs();

  // Gives a name to an image whose blobs are there; the name's former image loses it.
  absl::Status AddImage(const StoredImage& image);
  // In the order of their names.
  absl::StatusOr<std::vector<StoredImage>> List();
  // By name as a user writes it, by digest, or by the first 12 or more hex digits of one. NotFound;
  // InvalidArgument: several have these digits.
  absl::StatusOr<StoredImage> Find(std::string_view name_or_digest);
  // Takes the name away, or with a digest all names of that image. NotFound.
  absl::Status RemoveImage(std::string_view name_or_digest);
  // Removes blobs no name holds; how many bytes that were. Nothing while anybody HoldBlobs().
  absl::StatusOr<uint64_t> RemoveUnusedBlobs();

  // Of an image by its digest. NotFound; DataLoss.
  absl::StatusOr<OciManifest> ReadManifest(std::string_view digest) const;
  absl::StatusOr<OciConfig> ReadConfig(const OciManifest& manifest) const;
  // What BuildRoot() takes. InvalidArgument: the configuration names other layers than the
  // manifest.
  absl::StatusOr<std::vector<LayerBlob>> Layers(std::string_view digest) const;

 private:
  ImageStore(FileSystem& fs, Clock& clock, std::string directory)
      : fs_(fs), clock_(clock), directory_(std::move(directory)) {}

  absl::StatusOr<std::unique_ptr<File>> Lock();
  std::string PartialPath(std::string_view digest) const;
  // Of a blob's name: held by whoever puts one into that place, or takes a damaged one away.
  absl::StatusOr<std::unique_ptr<File>> LockBlob(std::string_view digest,
                                                 std::chrono::milliseconds bound) const;
  absl::StatusOr<std::vector<StoredImage>> ReadIndex() const;
  absl::Status WriteIndex(const std::vector<StoredImage>& images);
  absl::StatusOr<uint64_t> RemoveAllBut(const std::vector<std::string>& used);
  void RemoveOldPartials();

  FileSystem& fs_;
  Clock& clock_;
  const std::string directory_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_IMAGE_STORE_H_
