#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ctime>

#include "base/file_system.h"
#include "base/posix_descriptor.h"
#include "base/posix_stat.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// Opens, never as descriptor 0, 1 or 2: where the caller had closed one of these, something written
// to "standard error" would end up in the file.
int OpenFile(const char* path, int flags, mode_t mode) {
  int fd;
  do {
    fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  close(fd);
  errno = error;
  return moved;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, const std::string& path) : fd_(std::move(fd)), path_(path) {}

  absl::Status Write(std::string_view data) override {
    while (!data.empty()) {
      const ssize_t written = write(fd_.get(), data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed("write");
      data.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status WriteAt(uint64_t offset, std::string_view data) override {
    while (!data.empty()) {
      const ssize_t written =
          pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed("write");
      data.remove_prefix(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
    }
    return absl::OkStatus();
  }

  absl::Status CopyFrom(const Descriptor& from, uint64_t offset, uint64_t size) override {
    auto at = static_cast<off_t>(offset);
    const uint64_t end = offset + size;
    while (static_cast<uint64_t>(at) < end) {
      const uint64_t left = end - static_cast<uint64_t>(at);
      const ssize_t sent = sendfile(fd_.get(), from.get(), &at, left);
      if (sent < 0 && errno == EINTR) continue;
      // Not everything that can be written to can be sent to.
      if (sent < 0 && errno == EINVAL) return CopyByHand(from, static_cast<uint64_t>(at), left);
      if (sent < 0) return Failed("write");
      if (sent == 0) return CutShort();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) override {
    std::string data(size, '\0');
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          pread(fd_.get(), data.data() + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed("read");
      if (got == 0) break;
      done += static_cast<size_t>(got);
      // A regular file ends where its size says, so the call that would return 0 is spared.
      if (done < size && known_size_ > 0 && offset + done == known_size_) break;
    }
    data.resize(done);
    return data;
  }

  absl::StatusOr<FileStat> Stat() override {
    struct stat stat {};
    if (fstat(fd_.get(), &stat) != 0) return Failed("stat");
    FileStat result;
    ConvertStat(stat, &result);
    if (result.is_regular()) known_size_ = result.size;
    return result;
  }

  absl::Status SetMode(uint32_t mode) override {
    return fchmod(fd_.get(), mode) == 0 ? absl::OkStatus() : Failed("chmod");
  }

  absl::Status TryLock() override {
    int result;
    do {
      result = flock(fd_.get(), LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? absl::OkStatus() : Failed("lock");
  }

  absl::Status Close() override {
    // After EINTR the descriptor is gone on Linux; closing again could hit somebody else's.
    const int result = close(fd_.Release());
    return result == 0 || errno == EINTR ? absl::OkStatus() : Failed("close");
  }

  absl::Status Flush() override {
    // File systems flush whenever any descriptor of the file is closed.
    const int duplicate = fcntl(fd_.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (duplicate < 0) return Failed("duplicate");
    return close(duplicate) == 0 || errno == EINTR ? absl::OkStatus() : Failed("flush");
  }

 private:
  absl::Status CopyByHand(const Descriptor& from, uint64_t offset, uint64_t size) {
    constexpr uint64_t kStep = uint64_t{1} << 20;
    for (const uint64_t end = offset + size; offset < end;) {
      HPCC_ASSIGN_OR_RETURN(const std::string part,
                            ReadDescriptorAt(from, offset, std::min(kStep, end - offset)));
      if (part.empty()) return CutShort();
      HPCC_RETURN_IF_ERROR(Write(part));
      offset += part.size();
    }
    return absl::OkStatus();
  }
  absl::Status CutShort() const {
    return absl::DataLossError(StrCat("what goes into ", path_, " is cut short"));
  }
  absl::Status Failed(std::string_view operation) const {
    return ErrnoStatus(errno, operation, path_);
  }

  Descriptor fd_;
  const std::string path_;
  uint64_t known_size_ = 0;  // by the last Stat(); 0 when unknown
};

class PosixFileSystem final : public FileSystem {
 public:
  int Stat(const char* path, bool follow_symlinks, FileStat* result) override {
    struct stat from;
    if ((follow_symlinks ? stat(path, &from) : lstat(path, &from)) != 0) return errno;
    ConvertStat(from, result);
    return 0;
  }

  void StatGroup(const StatPlan& plan, size_t group, std::span<StatResult> results) override {
    StatGroupByDirectory(plan, group, results);
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) override {
    // Non-blocking matters for a FIFO only, which would otherwise wait for a writer.
    return Open(path, O_RDONLY | O_NONBLOCK, 0);
  }

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, uint32_t mode) override {
    return Open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForOverwriting(const std::string& path,
                                                           uint32_t mode) override {
    return Open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Result(rename(from.c_str(), to.c_str()), "rename to", to);
  }

  absl::Status Remove(const std::string& path) override {
    return Result(unlink(path.c_str()), "remove", path);
  }

  absl::Status RemoveDirectory(const std::string& path) override {
    return Result(rmdir(path.c_str()), "remove directory", path);
  }

  absl::Status MakeDirectory(const std::string& path, uint32_t mode) override {
    if (mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
    const int error = errno;
    FileStat stat;
    // Not only for EEXIST: a read-only file system may say EROFS of a directory that is there.
    if (Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0 && stat.is_directory()) {
      return absl::OkStatus();
    }
    return ErrnoStatus(error, "make directory", path);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr) return ErrnoStatus(errno, "list", path);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    closedir(directory);
    if (error != 0) return ErrnoStatus(error, "list", path);
    return names;
  }

  absl::Status SetModified(const std::string& path, int64_t modified_ns) override {
    timespec times[2] = {
        {0, UTIME_OMIT},
        {modified_ns / kNanosecondsPerSecond, modified_ns % kNanosecondsPerSecond}};
    if (times[1].tv_nsec < 0) {
      times[1].tv_nsec += kNanosecondsPerSecond;
      --times[1].tv_sec;
    }
    if (utimensat(AT_FDCWD, path.c_str(), times, 0) == 0) return absl::OkStatus();
    const int error = errno;
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t distance = ToNanoseconds(now) - modified_ns;
    if (error == EPERM && distance > -kNanosecondsPerSecond && distance < kNanosecondsPerSecond &&
        utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0) {
      return absl::OkStatus();
    }
    return ErrnoStatus(error, "set time of", path);
  }

  absl::StatusOr<std::string> ReadLink(const std::string& path) override {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = readlink(path.c_str(), target.data(), target.size());
    if (size < 0) return ErrnoStatus(errno, "read link", path);
    target.resize(static_cast<size_t>(size));
    return target;
  }

  absl::StatusOr<std::string> RealPath(const std::string& path) override {
    char* resolved = realpath(path.c_str(), nullptr);
    if (resolved == nullptr) return ErrnoStatus(errno, "resolve", path);
    std::string result(resolved);
    free(resolved);
    return result;
  }

 private:
  static absl::Status Result(int result, std::string_view operation, const std::string& path) {
    return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, operation, path);
  }

  static absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, int flags,
                                                    mode_t mode) {
    Descriptor fd(OpenFile(path.c_str(), flags, mode));
    if (!fd.valid()) return ErrnoStatus(errno, flags & O_CREAT ? "create" : "open", path);
    return std::make_unique<PosixFile>(std::move(fd), path);
  }
};

uint64_t RandomBits() {
  uint64_t bits = 0;
  if (getrandom(&bits, sizeof(bits), 0) == static_cast<ssize_t>(sizeof(bits))) return bits;
  // Create() refuses a name that is taken, so a poor guess fails and never overwrites.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(ToNanoseconds(now)) * 0x9e3779b97f4a7c15;
}

}  // namespace

FileSystem& FileSystem::Real() {
  // Never destroyed: it may be used until the last moment of the process.
  static FileSystem* const real = new PosixFileSystem();
  return *real;
}

std::string TemporaryNameBeside(const std::string& path) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string random;
  for (uint64_t bits = RandomBits(), i = 0; i < 16; ++i, bits >>= 4) {
    random.push_back(kDigits[bits & 15]);
  }
  return StrCat(path, ".hpcc-", static_cast<int64_t>(getpid()), "-", random);
}

}  // namespace hpcc
