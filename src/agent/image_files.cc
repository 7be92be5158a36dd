#include "agent/image_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "agent/content_digest.h"
#include "agent/open_within.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int64_t kRecent = 2'000'000'000;  // nanoseconds

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

absl::Status Differs(const ManifestEntry& entry) {
  return absl::FailedPreconditionError(StrCat("the image has something else at ", entry.path));
}

}  // namespace

ImageFiles::ImageFiles(Descriptor root, ImageLayout layout)
    : root_(std::move(root)), layout_(std::move(layout)) {}

ImageFiles::Stamp ImageFiles::StampOf(const struct stat& facts) {
  return Stamp{.device = facts.st_dev,
               .inode = facts.st_ino,
               .size = facts.st_size,
               .modified = Nanoseconds(facts.st_mtim),
               .changed = Nanoseconds(facts.st_ctim)};
}

absl::StatusOr<Digest> ImageFiles::DigestAt(const std::string& path) {
  // O_NONBLOCK: opening never waits, whatever is there.
  HPCC_ASSIGN_OR_RETURN(const Descriptor file, OpenWithin(root_.get(), path, O_RDONLY | O_NONBLOCK,
                                                          LinksOnTheWay::kFollowed));
  struct stat facts;
  if (fstat(file.get(), &facts) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(facts.st_mode)) return absl::FailedPreconditionError(StrCat(path, " is no file"));
  const Stamp stamp = StampOf(facts);
  {
    const std::lock_guard lock(mutex_);
    const auto found = remembered_.find(path);
    if (found != remembered_.end() && found->second.stamp == stamp) return found->second.digest;
  }
  HPCC_ASSIGN_OR_RETURN(const Digest digest, DigestOfDescriptor(file.get()));
  // What changed while it was read isn't remembered under either stamp, and what changed a moment
  // ago could change again without a new one.
  if (fstat(file.get(), &facts) != 0 || StampOf(facts) != stamp ||
      Clock::Real().NowNanoseconds() - stamp.changed < kRecent) {
    return digest;
  }
  const std::lock_guard lock(mutex_);
  if (remembered_.size() >= kMaxRememberedImageFiles) remembered_.clear();
  remembered_[path] = Remembered{.stamp = stamp, .digest = digest};
  return digest;
}

bool ImageFiles::HasLink(const ManifestEntry& entry) const {
  const absl::StatusOr<Descriptor> parent =
      OpenWithin(root_.get(), std::string(path::Dirname(entry.path)), O_PATH | O_DIRECTORY,
                 LinksOnTheWay::kFollowed);
  if (!parent.ok()) return false;
  char target[PATH_MAX];
  const ssize_t size = readlinkat(parent->get(), std::string(path::Basename(entry.path)).c_str(),
                                  target, sizeof(target));
  return size > 0 && entry.target == std::string_view(target, static_cast<size_t>(size));
}

bool ImageFiles::HasDirectory(const ManifestEntry& entry) const {
  return OpenWithin(root_.get(), entry.path, O_PATH | O_DIRECTORY, LinksOnTheWay::kFollowed).ok();
}

bool ImageFiles::HasAnything(const ManifestEntry& entry) const {
  return OpenWithin(root_.get(), entry.path, O_PATH, LinksOnTheWay::kFollowed).ok();
}

absl::Status ImageFiles::Check(const ManifestEntry& entry, bool* staged) {
  *staged = false;
  // Of the stage, nothing is what is staged there.
  if (entry.kind == ManifestEntry::Kind::kAbsent) {
    const bool there =
        layout_.Covers(entry.path) ? HasAnything(entry) : layout_.ReachesBelow(entry.path);
    return there ? Differs(entry) : absl::OkStatus();
  }
  if (!layout_.Covers(entry.path)) {
    if (layout_.ReachesBelow(entry.path)) {
      if (entry.kind == ManifestEntry::Kind::kDirectory) return absl::OkStatus();
      return absl::InvalidArgumentError(
          StrCat("exec: ", entry.path, ": the image needs a directory there"));
    }
    *staged = true;
    return absl::OkStatus();
  }
  switch (entry.kind) {
    case ManifestEntry::Kind::kLink:
      return HasLink(entry) ? absl::OkStatus() : Differs(entry);
    case ManifestEntry::Kind::kDirectory:
      return HasDirectory(entry) ? absl::OkStatus() : Differs(entry);
    case ManifestEntry::Kind::kFile:
    case ManifestEntry::Kind::kExecutable:
    case ManifestEntry::Kind::kAbsent:
      break;
  }
  const absl::StatusOr<Digest> digest = DigestAt(entry.path);
  return digest.ok() && *digest == entry.digest ? absl::OkStatus() : Differs(entry);
}

}  // namespace hpcc
