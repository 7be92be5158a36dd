#include "agent/stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/memory_file_system.h"
#include "agent/open_within.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kBufferBytes = size_t{128} << 10;
// What a file takes beside its pages: its inode and its name, in a tmpfs of Linux 6.1 on x86-64.
constexpr uint64_t kInodeBytes = 1024;
// Files a command may make, for each of its stage's bytes and at least.
constexpr uint64_t kBytesPerFile = 16 << 10;
constexpr uint64_t kLeastFiles = 4'096;
// A tmpfs that is full lies to a command: it sees an error of its own, and says so as a compiler
// would. So there is room beyond the limit, and whoever watches the exec ends it there.
constexpr uint64_t kLeastRoom = uint64_t{256} << 20;

bool IsFile(const ManifestEntry& entry) {
  return entry.kind == ManifestEntry::Kind::kFile || entry.kind == ManifestEntry::Kind::kExecutable;
}

// Whether a failure says nothing of what is there, but that there was no room to look.
bool IsWantOfRoom(int error) {
  return error == ENOMEM || error == EMFILE || error == ENFILE;
}

absl::Status Contradiction(std::string_view path) {
  return absl::InvalidArgumentError(StrCat("exec: ", path, ": the paths contradict each other"));
}

// How many directories there are on the way to `directory`, itself included, that are not on the
// way to the one `before` it in the order of paths.
uint64_t NewDirectories(std::string_view before, std::string_view directory) {
  const auto [old_rest, rest] =
      std::mismatch(before.begin(), before.end(), directory.begin(), directory.end());
  const auto below = static_cast<uint64_t>(std::count(rest, directory.end(), '/'));
  const bool shared = old_rest == before.end() || *old_rest == '/';
  // Unless both names end here, the one that differs is another directory.
  return shared && (rest == directory.end() || *rest == '/') ? below : below + 1;
}

bool WriteAll(int file, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

// Less than sendfile(2) costs by the pipe it goes through. Read to the end, whatever a short read
// may have been for: a header that is cut off compiles to something else.
absl::Status Copy(const Descriptor& from, int to, std::vector<char>& buffer) {
  for (;;) {
    const ssize_t got = read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", "a blob");
    if (got == 0) return absl::OkStatus();
    if (!WriteAll(to, buffer.data(), static_cast<size_t>(got))) {
      return ErrnoStatus(errno, "copy", "a blob");
    }
  }
}

}  // namespace

absl::StatusOr<Stage> Stage::Make(const ImageLayout& image, const ExecIdentity& identity) {
  Stage stage(image, identity);
  HPCC_ASSIGN_OR_RETURN(stage.root_, MakeMemoryFileSystem(kLeastRoom, kLeastFiles));
  HPCC_RETURN_IF_ERROR(stage.PlaceImage());
  return stage;
}

Stage::Size Stage::SizeOf(const std::vector<const ManifestEntry*>& staged, const BlobStore& blobs) {
  Size size;
  std::string_view last_directory;
  for (const ManifestEntry* entry : staged) {
    const std::string_view directory = path::Dirname(entry->path);
    size.files += 1 + NewDirectories(last_directory, directory);
    if (IsFile(*entry)) size.bytes += blobs.ChargeOf(entry->digest);
    last_directory = directory;
  }
  size.bytes += size.files * kInodeBytes;
  return size;
}

absl::Status Stage::Fill(const ExecCommand& command,
                         const std::vector<const ManifestEntry*>& staged, BlobStore& blobs,
                         const Size& size, BlobStore::Room room) {
  sources_ = std::move(room);
  const uint64_t limit = command.bounds.stage_bytes;
  const uint64_t files = kLeastFiles + limit / kBytesPerFile + size.files;
  HPCC_RETURN_IF_ERROR(
      ResizeMemoryFileSystem(root(), size.bytes + limit + std::max(limit, kLeastRoom), files));
  buffer_.resize(staged.empty() ? 0 : kBufferBytes);
  for (const ManifestEntry* entry : staged) HPCC_RETURN_IF_ERROR(Place(*entry, blobs));
  last_descriptor_.Reset();
  buffer_ = {};
  HPCC_RETURN_IF_ERROR(MakePlaces(command));

  struct statfs facts;
  if (fstatfs(root(), &facts) != 0) return ErrnoStatus(errno, "look at", "a stage");
  bytes_before_ = (facts.f_blocks - facts.f_bfree) * static_cast<uint64_t>(facts.f_bsize);
  return absl::OkStatus();
}

absl::Status Stage::PlaceImage() {
  for (const char* own : {"dev", "proc"}) {
    if (mkdirat(root(), own, 0755) != 0) return ErrnoStatus(errno, "create directory", own);
  }
  for (const ImagePart& part : image_->parts) {
    const std::string name(path::Basename(part.path));
    HPCC_ASSIGN_OR_RETURN(const Descriptor parent,
                          MakeDirectoriesWithin(root(), std::string(path::Dirname(part.path)),
                                                LinksOnTheWay::kRefused));
    int result = 0;
    switch (part.kind) {
      case ImagePart::Kind::kDirectory:
        result = mkdirat(parent.get(), name.c_str(), 0755);
        break;
      case ImagePart::Kind::kFile:
        result = mknodat(parent.get(), name.c_str(), S_IFREG | 0444, 0);
        break;
      case ImagePart::Kind::kLink:
        result = symlinkat(part.source.c_str(), parent.get(), name.c_str());
        break;
    }
    if (result != 0) return ErrnoStatus(errno, "make a place for", part.path);
  }
  return absl::OkStatus();
}

absl::Status Stage::Place(const ManifestEntry& entry, BlobStore& blobs) {
  if (entry.kind == ManifestEntry::Kind::kDirectory) {
    const absl::StatusOr<Descriptor> made =
        MakeDirectoriesWithin(root(), entry.path, LinksOnTheWay::kRefused);
    return made.ok() ? absl::OkStatus() : Contradiction(entry.path);
  }
  const std::string_view directory = path::Dirname(entry.path);
  if (!last_descriptor_.valid() || last_directory_ != directory) {
    absl::StatusOr<Descriptor> made =
        MakeDirectoriesWithin(root(), std::string(directory), LinksOnTheWay::kRefused);
    if (!made.ok()) return Contradiction(entry.path);
    last_descriptor_ = *std::move(made);
    last_directory_ = directory;
  }
  const std::string name(path::Basename(entry.path));
  if (entry.kind == ManifestEntry::Kind::kLink) {
    const bool made = symlinkat(entry.target.c_str(), last_descriptor_.get(), name.c_str()) == 0;
    return made ? absl::OkStatus() : Contradiction(entry.path);
  }
  const mode_t mode = entry.kind == ManifestEntry::Kind::kExecutable ? 0555 : 0444;
  const Descriptor file(openat(last_descriptor_.get(), name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file.valid()) return Contradiction(entry.path);
  HPCC_ASSIGN_OR_RETURN(const Descriptor blob, blobs.Open(entry.digest));
  return Copy(blob, file.get(), buffer_);
}

absl::Status Stage::MakeWritable(const std::string& path) {
  // Through links of the manifest: where a project was reached through one, its outputs are too.
  absl::StatusOr<Descriptor> directory =
      MakeDirectoriesWithin(root(), path, LinksOnTheWay::kFollowed);
  if (!directory.ok()) return Contradiction(path);
  if (fchownat(directory->get(), "", identity_.user, identity_.group, AT_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "hand over", path);
  }
  writable_.push_back(path);
  return absl::OkStatus();
}

absl::Status Stage::MakePlaces(const ExecCommand& command) {
  HPCC_RETURN_IF_ERROR(MakeWritable("/tmp"));
  std::vector<std::string> wanted;
  wanted.push_back(command.working_directory);
  for (const std::string& output : command.outputs) {
    if (image_->Covers(output) || image_->ReachesBelow(path::Dirname(output))) {
      return absl::InvalidArgumentError(
          StrCat("exec: ", output, ": the image is there, and it is read-only"));
    }
    wanted.emplace_back(path::Dirname(output));
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (const std::string& path : wanted) {
    if (path == "/" || path == "/tmp" || image_->Covers(path)) continue;
    // A working directory that the image reaches into is as read-only as the image.
    if (!image_->ReachesBelow(path)) HPCC_RETURN_IF_ERROR(MakeWritable(path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StagedOutput>> Stage::Outputs(
    const std::vector<std::string>& asked) const {
  std::vector<StagedOutput> outputs;
  for (size_t i = 0; i < asked.size(); ++i) {
    absl::StatusOr<Descriptor> directory =
        OpenWithin(root(), std::string(path::Dirname(asked[i])), O_PATH | O_DIRECTORY,
                   LinksOnTheWay::kFollowed);
    if (absl::IsResourceExhausted(directory.status())) return directory.status();
    if (!directory.ok()) continue;
    Descriptor file(openat(directory->get(), std::string(path::Basename(asked[i])).c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid() && IsWantOfRoom(errno)) return ErrnoStatus(errno, "open", asked[i]);
    struct stat facts;
    if (!file.valid() || fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    outputs.push_back(StagedOutput{.index = i,
                                   .size = static_cast<uint64_t>(facts.st_size),
                                   .mode = facts.st_mode & 0777,
                                   .file = std::move(file)});
  }
  return outputs;
}

}  // namespace hpcc
