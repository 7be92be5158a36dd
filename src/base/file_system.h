#ifndef HPCC_BASE_FILE_SYSTEM_H_
#define HPCC_BASE_FILE_SYSTEM_H_

// The file system as hpcc uses it: a small set of primitive operations behind one interface, so
// that tests can fail the n-th call for every n (base/faulty_file_system.h), fill a disk, or bend a
// stamp. Everything composed of primitives (read a file whole, write one aside and rename it) is a
// free function over the interface and therefore passes through the same seam.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "base/stat_plan.h"

namespace hpcc {

// What stat() says of a file, as far as hpcc cares.
struct FileStat {
  enum class Type : uint8_t { kRegular, kDirectory, kSymlink, kOther };

  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;        // bytes
  int64_t modified_ns = 0;  // mtime, nanoseconds since the epoch
  int64_t changed_ns = 0;   // ctime, nanoseconds since the epoch
  uint32_t mode = 0;        // permission bits
  Type type = Type::kOther;

  bool is_regular() const { return type == Type::kRegular; }
  bool is_directory() const { return type == Type::kDirectory; }

  friend bool operator==(const FileStat&, const FileStat&) = default;
};

struct StatResult {
  int error = 0;  // an errno value; `stat` is set when it is 0
  FileStat stat;
};

// An open file. Closed by the destructor; Close() is for those who must know whether it worked.
class File {
 public:
  virtual ~File() = default;
  // Writes all of `data`.
  virtual absl::Status Write(std::string_view data) = 0;
  // Writes all of `data` over what stands at `offset`; Write() goes on where it was.
  virtual absl::Status WriteAt(uint64_t offset, std::string_view data) = 0;
  // Writes `size` bytes of another regular file, from `offset` on. DataLoss: it is shorter.
  virtual absl::Status CopyFrom(const Descriptor& from, uint64_t offset, uint64_t size) = 0;
  // Reads up to `size` bytes at `offset`; fewer only at the end of the file.
  virtual absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) = 0;
  virtual absl::StatusOr<FileStat> Stat() = 0;
  virtual absl::Status SetMode(uint32_t mode) = 0;
  // Takes an exclusive advisory lock without waiting; Unavailable when another holds one. The lock
  // goes with the file, also when the process is killed.
  virtual absl::Status TryLock() = 0;
  virtual absl::Status Close() = 0;
  // Tells the errors that Close() would (a quota, a network file system) and leaves the file open,
  // with its lock. Doesn't wait for the disk.
  virtual absl::Status Flush() = 0;
};

// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Zero and `*stat` filled, or an errno value. The only call that doesn't return a Status: a hit
  // makes hundreds of them, most of which are expected to find nothing.
  virtual int Stat(const char* path, bool follow_symlinks, FileStat* stat) = 0;

  // The same for many files at once, following symlinks. `results` is as long as plan.paths().
  virtual void StatMany(const StatPlan& plan, std::span<StatResult> results);
  // The part of it that one group is. Thread-safe for different groups and the same `results`.
  virtual void StatGroup(const StatPlan& plan, size_t group, std::span<StatResult> results);

  // Never waits: a FIFO without a writer opens at once.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) = 0;
  // Creates the file; AlreadyExists when there is one. `mode` is subject to the umask.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, uint32_t mode) = 0;
  // Opens for writing, creating it if need be and cutting it to nothing.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForOverwriting(const std::string& path,
                                                                   uint32_t mode) = 0;

  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status RemoveDirectory(const std::string& path) = 0;
  // One level; no error when it is there already.
  virtual absl::Status MakeDirectory(const std::string& path, uint32_t mode) = 0;
  // Names only, without "." and "..", in no particular order.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // Sets the modification time, for least-recently-used order. Who may write a file but doesn't own
  // it can set the present only: for a time within a second of it, that is done instead.
  virtual absl::Status SetModified(const std::string& path, int64_t modified_ns) = 0;
  virtual absl::StatusOr<std::string> ReadLink(const std::string& path) = 0;
  // The path with every symlink resolved.
  virtual absl::StatusOr<std::string> RealPath(const std::string& path) = 0;

  // The machine's file system. Lives for ever.
  static FileSystem& Real();
};

// Stat() for callers that have one file and want the reason in words. Follows symlinks.
absl::StatusOr<FileStat> StatFile(FileSystem& fs, const std::string& path);
bool FileExists(FileSystem& fs, const std::string& path);

// The whole file. ResourceExhausted when it is longer than `max_bytes`; nothing is read then.
// FailedPrecondition for what isn't a regular file.
absl::StatusOr<std::string> ReadFile(FileSystem& fs, const std::string& path, uint64_t max_bytes);

// Like ReadFile, and tells what the file looked like when it was opened.
absl::StatusOr<std::string> ReadFileAndStat(FileSystem& fs, const std::string& path,
                                            uint64_t max_bytes, FileStat* stat);

// Makes the directory and those above it.
absl::Status MakeDirectories(FileSystem& fs, const std::string& path, uint32_t mode = 0777);

// Writes `data` beside `path` and renames it into place: readers see the old file, the new one, or
// none, never a part. On an error nothing is left behind.
absl::Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view data,
                                 uint32_t mode = 0666);

// A name beside `path` that nobody else uses: "<path>.hpcc-<process>-<random>".
std::string TemporaryNameBeside(const std::string& path);

}  // namespace hpcc

#endif  // HPCC_BASE_FILE_SYSTEM_H_
