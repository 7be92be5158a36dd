#ifndef HPCC_IMAGE_IMAGE_STORE_HOLD_H_
#define HPCC_IMAGE_IMAGE_STORE_HOLD_H_

// Locks that end with the process that holds them, however it ends: flock(2) on files of a
// directory. Between processes and between threads alike.

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"

namespace hpcc {

// The exclusive lock of the file `path`, which is made and stays. Asks every few milliseconds for
// it. DeadlineExceeded: another held it for all of `bound`. Freed with the file.
absl::StatusOr<std::unique_ptr<File>> WaitForLock(FileSystem& fs, Clock& clock,
                                                  const std::string& path,
                                                  std::chrono::milliseconds bound);

// Says that something is in use: a locked file of its own, `<directory>/<name>.<unique>`, which
// goes with the object. Many may hold one name. Whoever takes one or asks for them holds a lock
// that both agree on: between the making of the file and its locking it looks abandoned.
class Hold {
 public:
  // `fs` outlives the object.
  static absl::StatusOr<std::unique_ptr<Hold>> Take(FileSystem& fs, const std::string& directory,
                                                    const std::string& name);
  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  Hold(FileSystem& fs, std::string path, std::unique_ptr<File> file)
      : fs_(fs), path_(std::move(path)), file_(std::move(file)) {}

  FileSystem& fs_;
  const std::string path_;
  std::unique_ptr<File> file_;
};

// Whether anybody alive holds `name`, or may: what can't be opened counts as held. Removes what the
// dead left behind.
absl::StatusOr<bool> IsHeld(FileSystem& fs, const std::string& directory, const std::string& name);

}  // namespace hpcc

#endif  // HPCC_IMAGE_IMAGE_STORE_HOLD_H_
