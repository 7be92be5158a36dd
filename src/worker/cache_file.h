#ifndef HPCC_WORKER_CACHE_FILE_H_
#define HPCC_WORKER_CACHE_FILE_H_

// The file that worker.toml names with cache_file: the caches behind this worker's disk, which it
// shares with other workers. As clients have it (config/config_file.h), of which it may hold:
//
//   [[cache]]      # at least one; type = "s3" or "http"
//   [signing]
//
// Clients' variables (HPCC_CACHE_DIR and the like) change nothing here.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"

namespace hpcc {

struct CacheFile {
  std::string path;
  std::vector<CacheTier> tiers;  // in the order they are asked; none is a disk
  SigningSettings signing;
};

// InvalidArgument: the first mistake in it, as "<path>:<line>: <key>: <what is wrong>". Anything
// else: it can't be read; the message names it. `environment` is for "~" and "${NAME}" in paths.
absl::StatusOr<CacheFile> LoadCacheFile(FileSystem& fs, const std::string& path,
                                        const Environment& environment);

// What an administrator should know of it, one line each: that it trusts whoever may write, or that
// what it writes nobody will read.
std::vector<std::string> WarningsOf(const CacheFile& file);

}  // namespace hpcc

#endif  // HPCC_WORKER_CACHE_FILE_H_
