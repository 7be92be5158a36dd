#ifndef HPCC_CACHE_PROJECT_ROOT_H_
#define HPCC_CACHE_PROJECT_ROOT_H_

// A file called .hpcc marks the root of a project: below it, paths in keys, records and outputs are
// relative to it, so that two checkouts share results. Without one, paths are what they are.

#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

namespace hpcc {

inline constexpr std::string_view kRootMarker = ".hpcc";
// Stands for the root in recorded paths. No path a compiler opens starts with this byte.
inline constexpr std::string_view kRootPrefix = "\x01";

class ProjectRoot {
 public:
  // No marker: every path stays as it is.
  ProjectRoot() = default;
  explicit ProjectRoot(std::string directory) : directory_(std::move(directory)) {}

  // The nearest marked directory at or above `cwd`, which is absolute.
  static ProjectRoot Find(FileSystem& fs, const std::string& cwd);

  bool marked() const { return !directory_.empty(); }
  const std::string& directory() const { return directory_; }

  // "/root/a/b" -> "\x01/a/b"; everything else is unchanged.
  std::string ToPortable(std::string_view path) const;
  // The other way round.
  std::string FromPortable(std::string_view path) const;

 private:
  std::string directory_;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_PROJECT_ROOT_H_
