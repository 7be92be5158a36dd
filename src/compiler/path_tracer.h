#ifndef HPCC_COMPILER_PATH_TRACER_H_
#define HPCC_COMPILER_PATH_TRACER_H_

// Follows names the way the kernel does, and remembers what stands on the way: whoever recreates
// that elsewhere has the same names lead to the same files.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/file_system.h"

namespace hpcc {

struct TracedLink {
  std::string path;  // real, but for the link itself
  std::string target;

  friend auto operator<=>(const TracedLink&, const TracedLink&) = default;
};

struct TracedPath {
  // Where the name leads: absolute, without links, "." and "..". Of a name that leads nowhere, the
  // first on the way that isn't there; "" when links go in circles.
  std::string real;
  bool exists = false;
  FileStat stat;                         // of `real`, which is no link
  std::vector<TracedLink> links;         // that were followed
  std::vector<std::string> directories;  // that were left again by ".."

  bool is_file() const { return exists && !stat.is_directory(); }
};

// Not thread-safe. Remembers directories, so make one per look at the file system.
class PathTracer {
 public:
  explicit PathTracer(FileSystem& fs) : fs_(fs) {}

  TracedPath Trace(std::string_view absolute) { return Trace(absolute, 0); }
  // The same, remembered.
  const TracedPath& TraceDirectory(const std::string& absolute) {
    return TraceDirectory(absolute, 0);
  }

 private:
  TracedPath Trace(std::string_view absolute, int depth);
  const TracedPath& TraceDirectory(const std::string& absolute, int depth);
  TracedPath Step(const TracedPath& from, std::string_view name, int depth);

  FileSystem& fs_;
  // Values stay where they are while others are added.
  absl::flat_hash_map<std::string, std::unique_ptr<TracedPath>> directories_;
};

}  // namespace hpcc

#endif  // HPCC_COMPILER_PATH_TRACER_H_
