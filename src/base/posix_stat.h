#ifndef HPCC_BASE_POSIX_STAT_H_
#define HPCC_BASE_POSIX_STAT_H_

// stat() and its structure. Directories of a StatPlan are opened anew each time: what a name leads
// to is decided at that moment, as it would be by stat().

#include <sys/stat.h>

#include <ctime>
#include <span>
#include <string>

#include "base/file_system.h"
#include "base/stat_plan.h"

namespace hpcc {

// As FileSystem::StatGroup.
void StatGroupByDirectory(const StatPlan& plan, size_t group, std::span<StatResult> results);

inline constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
int64_t ToNanoseconds(const timespec& time);
void ConvertStat(const struct stat& from, FileStat* to);

}  // namespace hpcc

#endif  // HPCC_BASE_POSIX_STAT_H_
