#ifndef HPCC_COMPILER_FILE_DIGESTS_H_
#define HPCC_COMPILER_FILE_DIGESTS_H_

// Digests of files, made by a second thread while the caller finds out which other files matter:
// a compiler is some forty megabytes, and nobody can go on before all of them are hashed.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"

namespace hpcc {

// For one thread, beside its own.
class FileDigests {
 public:
  struct Digested {
    Digest content;
    FileStat stat;  // as it was when the file was opened
  };

  // `fs` outlives the object. A file longer than `max_bytes` has no digest. Without a second thread
  // to be had, the caller's does all.
  FileDigests(FileSystem& fs, uint64_t max_bytes);
  // What was asked for and not taken may stay unread.
  ~FileDigests();
  FileDigests(const FileDigests&) = delete;
  FileDigests& operator=(const FileDigests&) = delete;

  // The file will be taken, perhaps several times. The first to be asked for are read first.
  void Ask(const std::string& path);
  // Of a file that was asked for. Errors are those of DigestFileAndStat.
  absl::StatusOr<Digested> Take(const std::string& path);

 private:
  using Answer = std::optional<absl::StatusOr<Digested>>;

  // With `lock`, which is given up meanwhile: reads the next file.
  void ReadNext(std::unique_lock<std::mutex>& lock);
  void Help();

  FileSystem& fs_;
  const uint64_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  std::map<std::string, Answer> answers_;  // nothing: not yet read
  std::deque<std::string> waiting_;
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace hpcc

#endif  // HPCC_COMPILER_FILE_DIGESTS_H_
