#include "image/image_store_hold.h"

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kBetweenTries{10};

// A file that was opened and locked may have been removed in between: then the lock is of nothing.
bool IsStillThere(FileSystem& fs, const std::string& path, File& file) {
  const absl::StatusOr<FileStat> opened = file.Stat();
  const absl::StatusOr<FileStat> named = StatFile(fs, path);
  return opened.ok() && named.ok() && opened->inode == named->inode &&
         opened->device == named->device;
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> WaitForLock(FileSystem& fs, Clock& clock,
                                                  const std::string& path,
                                                  std::chrono::milliseconds bound) {
  const int64_t deadline = clock.MonotonicNanoseconds() + std::chrono::nanoseconds(bound).count();
  while (true) {
    HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForOverwriting(path, 0666));
    const absl::Status locked = file->TryLock();
    if (locked.ok() && IsStillThere(fs, path, *file)) return file;
    if (!locked.ok() && !absl::IsUnavailable(locked)) return locked;
    if (clock.MonotonicNanoseconds() >= deadline) {
      return absl::DeadlineExceededError(
          StrCat(path, ": another process of hpcc holds this lock for too long"));
    }
    clock.Sleep(kBetweenTries);
  }
}

absl::StatusOr<std::unique_ptr<Hold>> Hold::Take(FileSystem& fs, const std::string& directory,
                                                 const std::string& name) {
  std::string path = TemporaryNameBeside(path::Join(directory, name));
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.Create(path, 0666));
  if (const absl::Status locked = file->TryLock(); !locked.ok()) {
    fs.Remove(path).IgnoreError();
    return locked;
  }
  return std::unique_ptr<Hold>(new Hold(fs, std::move(path), std::move(file)));
}

Hold::~Hold() {
  fs_.Remove(path_).IgnoreError();
}

absl::StatusOr<bool> IsHeld(FileSystem& fs, const std::string& directory, const std::string& name) {
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> entries, fs.List(directory));
  bool held = false;
  for (const std::string& entry : entries) {
    if (!entry.starts_with(StrCat(name, "."))) continue;
    const std::string path = path::Join(directory, entry);
    const absl::StatusOr<std::unique_ptr<File>> file = fs.OpenForReading(path);
    if (absl::IsNotFound(file.status())) continue;  // it went just now
    // What can't be opened may well be held.
    if (file.ok() && (*file)->TryLock().ok()) {
      fs.Remove(path).IgnoreError();
    } else {
      held = true;
    }
  }
  return held;
}

}  // namespace hpcc
