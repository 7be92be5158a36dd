#ifndef HPCC_BASE_POSIX_STAT_H_
#define HPCC_BASE_POSIX_STAT_H_

// stat() in bulk. Walking a long path costs more than looking at the file at its end, so files of
// one directory are looked at through its descriptor, opened anew each time: what a name leads to
// is decided at that moment, as it would be by stat().

#include <sys/stat.h>

#include <ctime>
#include <span>
#include <string>

#include "base/file_system.h"

namespace hpcc {

// As FileSystem::StatMany. Files in directories that hold few of `paths` are looked at singly.
void StatManyByDirectory(std::span<const std::string> paths, std::span<StatResult> results);

inline constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
int64_t ToNanoseconds(const timespec& time);
void ConvertStat(const struct stat& from, FileStat* to);

}  // namespace hpcc

#endif  // HPCC_BASE_POSIX_STAT_H_
