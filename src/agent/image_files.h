#ifndef HPCC_AGENT_IMAGE_FILES_H_
#define HPCC_AGENT_IMAGE_FILES_H_

// What the image has at a path, compared with what a manifest says is there: where a command sees
// the image's own file, it must be the one that the compile was keyed by.

#include <sys/stat.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/posix_descriptor.h"
#include "compiler/manifest.h"
#include "sandbox/image_layout.h"

namespace hpcc {

inline constexpr size_t kMaxRememberedImageFiles = 65'536;

// Thread-safe.
class ImageFiles {
 public:
  // `root` is the directory in which the parts of `layout` lie under their paths.
  ImageFiles(Descriptor root, ImageLayout layout);

  const ImageLayout& layout() const { return layout_; }

  // OK: the image decides nothing about the path (`*staged` becomes true), or has the same there.
  // FailedPrecondition: it has something else, or nothing. InvalidArgument: a file or a link where
  // a directory of the image is on the way.
  absl::Status Check(const ManifestEntry& entry, bool* staged);

 private:
  // A file is the same as long as its inode and its times are.
  struct Stamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t modified = 0;
    int64_t changed = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct Remembered {
    Stamp stamp;
    Digest digest;
  };

  static Stamp StampOf(const struct stat& facts);
  absl::StatusOr<Digest> DigestAt(const std::string& path);
  bool HasLink(const ManifestEntry& entry) const;
  bool HasDirectory(const ManifestEntry& entry) const;
  bool HasAnything(const ManifestEntry& entry) const;

  const Descriptor root_;
  const ImageLayout layout_;
  std::mutex mutex_;
  absl::flat_hash_map<std::string, Remembered> remembered_;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_IMAGE_FILES_H_
