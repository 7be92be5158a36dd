#include "base/mapped_counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <thread>

#include "base/bytes.h"
#include "base/path.h"
#include "base/posix_descriptor.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

static_assert(std::endian::native == std::endian::little,
              "the counters are used in place, so the machine's byte order is the file's");

constexpr size_t kMagicSize = 8;
constexpr size_t kHeaderSize = kMagicSize + sizeof(uint64_t);
// Enough for any number of processes that find, make and replace the file at once.
constexpr int kOpenAttempts = 50;
// How often a wrong file that somebody else is about to remove is looked at again at once. After
// that each pause is a millisecond longer than the last: that one may have lost its processor
// between two calls, and on a busy machine gets it back only after a while. Together the pauses are
// about a second.
constexpr int kImpatientAttempts = 3;

std::string Header(std::string_view magic, uint64_t version) {
  ByteWriter writer;
  writer.Raw(magic);
  writer.Fixed64(version);
  return writer.Take();
}

// The first write to a page may need space on the disk (copy-on-write file systems), and the answer
// to a full disk would be SIGBUS, which would take the caller's build with it. Linux 5.14 can ask
// beforehand; where it can't, the risk remains.
absl::Status PrepareForWriting(void* mapping, size_t size, const std::string& path) {
#ifdef MADV_POPULATE_WRITE
  int result;
  do {
    result = madvise(mapping, size, MADV_POPULATE_WRITE);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EINVAL && errno != ENOSYS) {
    return absl::ResourceExhaustedError(StrCat("no room to count in ", path));
  }
#endif
  return absl::OkStatus();
}

// OK also when somebody else made the file first.
absl::Status MakeZeroed(FileSystem& fs, const std::string& path, std::string_view header,
                        size_t count) {
  const std::string aside = TemporaryNameBeside(path);
  absl::StatusOr<std::unique_ptr<File>> file = fs.Create(aside, 0666);
  if (absl::IsNotFound(file.status())) {
    HPCC_RETURN_IF_ERROR(MakeDirectories(fs, std::string(path::Dirname(path))));
    file = fs.Create(aside, 0666);
  }
  HPCC_RETURN_IF_ERROR(file.status());

  std::string contents(header);
  contents.append(count * sizeof(uint64_t), '\0');
  absl::Status status = (*file)->Write(contents);
  if (status.ok()) status = (*file)->Close();
  if (status.ok() && link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    // No hard links here. A plain rename may replace what another process has just begun to count
    // in; that costs a few counts, once, on such a file system.
    return fs.Rename(aside, path);
  }
  const absl::Status removed = fs.Remove(aside);
  return status.ok() ? removed : status;
}

// Removes the file at `path` unless somebody has replaced it meanwhile: whoever removes holds a
// lock on the very file that was found wrong, so a good successor is never removed.
absl::Status RemoveWrong(FileSystem& fs, const std::string& path) {
  absl::StatusOr<std::unique_ptr<File>> file = fs.OpenForReading(path);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  HPCC_RETURN_IF_ERROR(file.status());
  if (absl::Status locked = (*file)->TryLock(); !locked.ok()) {
    return absl::IsUnavailable(locked) ? absl::OkStatus() : locked;
  }
  HPCC_ASSIGN_OR_RETURN(const FileStat opened, (*file)->Stat());
  FileStat current;
  if (fs.Stat(path.c_str(), /*follow_symlinks=*/true, &current) != 0) return absl::OkStatus();
  if (current.device != opened.device || current.inode != opened.inode) return absl::OkStatus();
  return fs.Remove(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MappedCounters>> MappedCounters::Open(FileSystem& fs,
                                                                     const std::string& path,
                                                                     std::string_view magic,
                                                                     uint64_t version, size_t count,
                                                                     Access access) {
  if (magic.size() != kMagicSize) return absl::InvalidArgumentError("a magic has 8 bytes");
  absl::Status last;
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    absl::StatusOr<std::unique_ptr<MappedCounters>> counters =
        Map(path, magic, version, count, access);
    if (counters.ok() || access == Access::kReadOnly) return counters;
    last = counters.status();
    if (absl::IsNotFound(last)) {
      // The unfinished file can be taken for a dead process's by a clean-up: then try again.
      const absl::Status made = MakeZeroed(fs, path, Header(magic, version), count);
      if (!made.ok() && !absl::IsNotFound(made)) return made;
    } else if (absl::IsDataLoss(last)) {
      const absl::Status removed = RemoveWrong(fs, path);
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
      std::this_thread::sleep_for(
          std::chrono::milliseconds(std::max(0, attempt - kImpatientAttempts + 1)));
    } else {
      return last;
    }
  }
  return last;
}

absl::StatusOr<std::unique_ptr<MappedCounters>> MappedCounters::Map(const std::string& path,
                                                                    std::string_view magic,
                                                                    uint64_t version, size_t count,
                                                                    Access access) {
  const bool writable = access == Access::kReadWrite;
  // Non-blocking, or a FIFO of this name would hold the caller for ever.
  const Descriptor fd(open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  struct stat stat {};
  if (fstat(fd.get(), &stat) != 0) return ErrnoStatus(errno, "stat", path);
  const size_t size = kHeaderSize + count * sizeof(uint64_t);
  if (!S_ISREG(stat.st_mode)) {
    return absl::FailedPreconditionError(StrCat(path, " is not a regular file"));
  }
  char header[kHeaderSize];
  if (static_cast<uint64_t>(stat.st_size) != size ||
      pread(fd.get(), header, sizeof(header), 0) != static_cast<ssize_t>(sizeof(header)) ||
      std::string_view(header, sizeof(header)) != Header(magic, version)) {
    return absl::DataLossError(StrCat(path, " is not a file of these counters"));
  }
  void* mapping =
      mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd.get(), 0);
  if (mapping == MAP_FAILED) {
    const absl::Status failed = ErrnoStatus(errno, "map", path);
    return absl::FailedPreconditionError(failed.message());
  }
  std::unique_ptr<MappedCounters> counters(new MappedCounters());
  counters->mapping_ = mapping;
  counters->mapped_bytes_ = size;
  counters->count_ = count;
  counters->device_ = stat.st_dev;
  counters->inode_ = stat.st_ino;
  counters->writable_ = writable;
  if (writable) HPCC_RETURN_IF_ERROR(PrepareForWriting(mapping, size, path));
  return counters;
}

MappedCounters::~MappedCounters() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_bytes_);
}

std::atomic_ref<uint64_t> MappedCounters::At(size_t index) const {
  char* first = static_cast<char*>(mapping_) + kHeaderSize;
  return std::atomic_ref<uint64_t>(reinterpret_cast<uint64_t*>(first)[index]);
}

uint64_t MappedCounters::Load(size_t index) const {
  return At(index).load(std::memory_order_relaxed);
}

void MappedCounters::Add(size_t index, uint64_t amount) {
  if (writable_) At(index).fetch_add(amount, std::memory_order_relaxed);
}

void MappedCounters::Subtract(size_t index, uint64_t amount) {
  if (!writable_) return;
  std::atomic_ref<uint64_t> counter = At(index);
  uint64_t current = counter.load(std::memory_order_relaxed);
  while (!counter.compare_exchange_weak(current, current > amount ? current - amount : 0,
                                        std::memory_order_relaxed)) {
  }
}

void MappedCounters::Store(size_t index, uint64_t value) {
  if (writable_) At(index).store(value, std::memory_order_relaxed);
}

bool MappedCounters::CompareAndStore(size_t index, uint64_t expected, uint64_t value) {
  if (!writable_) return false;
  return At(index).compare_exchange_strong(expected, value, std::memory_order_relaxed);
}

}  // namespace hpcc
