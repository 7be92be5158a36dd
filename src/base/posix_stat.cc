#include "base/posix_stat.h"

#include <fcntl.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/posix_descriptor.h"

namespace hpcc {

namespace {

// Opening and closing a directory costs about as much as walking to two or three of its files.
constexpr size_t kWorthOpening = 4;

FileStat::Type TypeOf(mode_t mode) {
  if (S_ISREG(mode)) return FileStat::Type::kRegular;
  if (S_ISDIR(mode)) return FileStat::Type::kDirectory;
  if (S_ISLNK(mode)) return FileStat::Type::kSymlink;
  return FileStat::Type::kOther;
}

// Up to and without the last slash; files without one are in no directory worth opening.
std::string_view DirectoryOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
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

void StatManyByDirectory(std::span<const std::string> paths, std::span<StatResult> results) {
  struct Group {
    std::string_view directory;
    std::vector<size_t> members;
  };
  std::vector<Group> groups;
  absl::flat_hash_map<std::string_view, size_t> group_of;
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string_view directory = DirectoryOf(paths[i]);
    const auto [found, is_new] = group_of.try_emplace(directory, groups.size());
    if (is_new) groups.push_back({directory, {}});
    groups[found->second].members.push_back(i);
  }
  for (const Group& group : groups) {
    Descriptor directory;
    if (!group.directory.empty() && group.members.size() >= kWorthOpening) {
      const std::string name(group.directory);
      directory = Descriptor(open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    for (const size_t member : group.members) {
      const char* path = paths[member].c_str();
      // With a slash at the end there is no name in the directory.
      const char* name = path + group.directory.size() + 1;
      if (directory.valid() && *name != '\0') {
        StatOne(directory.get(), name, &results[member]);
      } else {
        StatOne(AT_FDCWD, path, &results[member]);
      }
    }
  }
}

}  // namespace hpcc
