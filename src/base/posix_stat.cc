#include "base/posix_stat.h"

#include <fcntl.h>

#include <cerrno>

#include "base/posix_descriptor.h"

namespace hpcc {

namespace {

FileStat::Type TypeOf(mode_t mode) {
  if (S_ISREG(mode)) return FileStat::Type::kRegular;
  if (S_ISDIR(mode)) return FileStat::Type::kDirectory;
  if (S_ISLNK(mode)) return FileStat::Type::kSymlink;
  return FileStat::Type::kOther;
}

void StatOne(int directory, const char* name, StatResult* result) {
  struct stat from;
  result->error = fstatat(directory, name, &from, 0) == 0 ? 0 : errno;
  if (result->error == 0) ConvertStat(from, &result->stat);
}

}  // namespace

int64_t ToNanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * kNanosecondsPerSecond + time.tv_nsec;
}

void ConvertStat(const struct stat& from, FileStat* to) {
  to->device = from.st_dev;
  to->inode = from.st_ino;
  to->size = static_cast<uint64_t>(from.st_size);
  to->modified_ns = ToNanoseconds(from.st_mtim);
  to->changed_ns = ToNanoseconds(from.st_ctim);
  to->mode = from.st_mode & 07777;
  to->type = TypeOf(from.st_mode);
}

void StatGroupByDirectory(const StatPlan& plan, size_t group, std::span<StatResult> results) {
  const StatPlan::Group& looked_at = plan.groups()[group];
  Descriptor directory;
  if (!looked_at.directory.empty()) {
    directory = Descriptor(open(looked_at.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  for (const uint32_t member : looked_at.members) {
    const char* path = plan.paths()[member].c_str();
    if (directory.valid()) {
      StatOne(directory.get(), path + looked_at.directory.size() + 1, &results[member]);
    } else {
      StatOne(AT_FDCWD, path, &results[member]);
    }
  }
}

}  // namespace hpcc
