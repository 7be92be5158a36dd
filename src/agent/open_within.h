#ifndef HPCC_AGENT_OPEN_WITHIN_H_
#define HPCC_AGENT_OPEN_WITHIN_H_

// Opening paths below a directory that somebody else filled: nothing named there leads out of it.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

enum class LinksOnTheWay : uint8_t {
  kRefused,   // any symbolic link is an error
  kFollowed,  // as if `root` were the root directory; never into /proc's magic ones
};

// open(2) of `path` ("/a/b") with `root` as the root directory. `flags` as open's, `mode` with
// O_CREAT.
absl::StatusOr<Descriptor> OpenWithin(int root, const std::string& path, int flags,
                                      LinksOnTheWay links, uint32_t mode = 0);

// mkdir -p of `path` below `root`, each new one with mode 0755, and the last one opened.
absl::StatusOr<Descriptor> MakeDirectoriesWithin(int root, const std::string& path,
                                                 LinksOnTheWay links);

}  // namespace hpcc

#endif  // HPCC_AGENT_OPEN_WITHIN_H_
