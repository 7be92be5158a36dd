#ifndef HPCC_STORE_CLEAN_UP_H_
#define HPCC_STORE_CLEAN_UP_H_

// The walk through a whole disk store that DiskStore::Clean() promises.

#include "store/disk_layout.h"
#include "store/disk_store.h"
#include "store/usage_counters.h"

namespace hpcc {

// Removes unfinished files whose writers are gone, in the root and in its tmp directory: those that
// nobody has locked. Returns how many.
absl::StatusOr<uint64_t> RemoveAbandonedFiles(FileSystem& fs, const DiskLayout& layout);

// Goes on after a file that can't be removed, and returns the first such error at the end.
absl::StatusOr<CleanReport> CleanStore(FileSystem& fs, Clock& clock, const DiskLayout& layout,
                                       UsageCounters& usage,
                                       const DiskStore::CleanOptions& options);

}  // namespace hpcc

#endif  // HPCC_STORE_CLEAN_UP_H_
