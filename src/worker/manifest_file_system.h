#ifndef HPCC_WORKER_MANIFEST_FILE_SYSTEM_H_
#define HPCC_WORKER_MANIFEST_FILE_SYSTEM_H_

// A manifest as a file system, to read a command line against: what a compile will find, without a
// file being touched. Only what asks what is there works; nothing can be opened or changed.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "compiler/manifest.h"

namespace hpcc {

// Refuses everything but Stat(), which derived classes answer. Thread-safe.
class QuestionsOnlyFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, uint32_t mode) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForOverwriting(const std::string& path,
                                                           uint32_t mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path, uint32_t mode) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::Status SetModified(const std::string& path, int64_t modified_ns) override;
  absl::StatusOr<std::string> ReadLink(const std::string& path) override;
  absl::StatusOr<std::string> RealPath(const std::string& path) override;
};

// Where every name is an ordinary file: for commands whose manifest isn't known yet.
class AnythingFileSystem final : public QuestionsOnlyFileSystem {
 public:
  int Stat(const char* path, bool follow_symlinks, FileStat* stat) override;
};

class ManifestFileSystem final : public QuestionsOnlyFileSystem {
 public:
  // Where a symbolic link of the image leads, or nothing when the path is none.
  using ImageLinks = std::function<std::optional<std::string>(const std::string& path)>;

  // `manifest` outlives the object; its entries are in order, as DecodeManifest leaves them.
  explicit ManifestFileSystem(const SourceManifest& manifest, ImageLinks links = nullptr);

  int Stat(const char* path, bool follow_symlinks, FileStat* stat) override;

  // The entry of exactly this path, or null.
  const ManifestEntry* Find(std::string_view path) const;
  // The path with all links followed and no "." or "..", whether anything is there or not. Nothing
  // when links go in circles, or the path isn't absolute.
  std::optional<std::string> Resolve(std::string_view path, bool follow_last = true) const;

 private:
  bool IsDirectory(std::string_view path) const;

  const SourceManifest& manifest_;
  const ImageLinks links_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_MANIFEST_FILE_SYSTEM_H_
