#include "cache/asking_turn.h"

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kLookEvery{1};
constexpr size_t kNameDigits = 16;

// Never cuts or writes what is there: the directory may be shared with others.
std::unique_ptr<File> MakeOrOpen(FileSystem& fs, const std::string& directory,
                                 const std::string& path) {
  absl::StatusOr<std::unique_ptr<File>> file = fs.Create(path, 0600);
  if (absl::IsNotFound(file.status()) && MakeDirectories(fs, directory).ok()) {
    file = fs.Create(path, 0600);
  }
  if (absl::IsAlreadyExists(file.status())) file = fs.OpenForReading(path);
  return file.ok() ? *std::move(file) : nullptr;
}

}  // namespace

AskingTurn::AskingTurn(FileSystem& fs, Clock& clock, const std::string& directory,
                       const Digest& question)
    : fs_(fs),
      path_(path::Join(directory, StrCat("asking-", question.ToHex().substr(0, kNameDigits)))),
      file_(MakeOrOpen(fs, directory, path_)) {
  if (file_ == nullptr) return;
  const int64_t deadline =
      clock.MonotonicNanoseconds() + std::chrono::nanoseconds(kTurnPatience).count();
  absl::Status locked = file_->TryLock();
  mine_ = locked.ok();
  while (absl::IsUnavailable(locked) && clock.MonotonicNanoseconds() < deadline) {
    clock.Sleep(kLookEvery);
    locked = file_->TryLock();
  }
  // Nobody waits for those who have waited: what they were waiting for may be nothing to remember.
  if (!mine_) file_.reset();
}

AskingTurn::~AskingTurn() {
  // Before the lock goes: who opens it from now on makes another.
  if (mine_) fs_.Remove(path_).IgnoreError();
}

}  // namespace hpcc
