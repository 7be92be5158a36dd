#ifndef HPCC_CACHE_DIRECTORY_MEMO_H_
#define HPCC_CACHE_DIRECTORY_MEMO_H_

// What directories held when they were last listed. Recording a closure asks for thousands of names
// that aren't there; a directory whose stamp is what it was answers for all of them at once.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/forwarding_file_system.h"
#include "base/text_map.h"
#include "cache/direct_entry.h"

namespace hpcc {

// Thread-safe. Bounded: beyond a number of names everything is forgotten.
class DirectoryMemo {
 public:
  using Names = TextSet;

  // What the directory held when it had this stamp; null: not known.
  std::shared_ptr<const Names> Find(const std::string& directory, const FileStamp& stamp);
  void Remember(const std::string& directory, const FileStamp& stamp,
                std::shared_ptr<const Names> names);

 private:
  struct Listing {
    FileStamp stamp;
    std::shared_ptr<const Names> names;
  };

  std::mutex mutex_;
  TextMap<Listing> listings_;  // guarded by mutex_
  size_t names_ = 0;           // guarded by mutex_: in all of them
};

// The file system as it is, for the length of one request: a name that its directory doesn't hold
// is absent without a look at it. Each directory is looked at once; what appears in one afterwards
// is seen by whoever compares its stamp. Directories that changed a moment ago, can't be listed, or
// don't tell upper from lower case are asked for each name, as are relative paths. Not thread-safe.
class ListedFileSystem final : public ForwardingFileSystem {
 public:
  // All outlive the object.
  ListedFileSystem(FileSystem& inner, Clock& clock, DirectoryMemo& memo)
      : ForwardingFileSystem(inner), clock_(clock), memo_(memo) {}

  int Stat(const char* path, bool follow_symlinks, FileStat* stat) override;

 private:
  struct Directory {
    int error = 0;  // of a look at the directory: what every name in it gets
    std::shared_ptr<const DirectoryMemo::Names> names;  // null: ask for each name
  };

  const Directory& LookAt(std::string_view path);
  std::shared_ptr<const DirectoryMemo::Names> NamesIn(const std::string& path,
                                                      const FileStamp& stamp);
  bool FoldsCase(const std::string& path, const DirectoryMemo::Names& names);

  Clock& clock_;
  DirectoryMemo& memo_;
  TextMap<Directory> directories_;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_DIRECTORY_MEMO_H_
