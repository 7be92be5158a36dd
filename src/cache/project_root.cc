#include "cache/project_root.h"

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

ProjectRoot ProjectRoot::Find(FileSystem& fs, const std::string& cwd) {
  for (std::string_view directory = cwd; !directory.empty();) {
    FileStat stat;
    if (fs.Stat(path::Join(directory, kRootMarker).c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
        stat.is_regular()) {
      return ProjectRoot(std::string(directory));
    }
    if (directory == "/") break;
    directory = path::Dirname(directory);
  }
  return ProjectRoot();
}

std::string ProjectRoot::ToPortable(std::string_view path) const {
  if (!marked() || !path::IsBelow(path, directory_)) return std::string(path);
  return StrCat(kRootPrefix, path.substr(directory_.size()));
}

std::string ProjectRoot::FromPortable(std::string_view path) const {
  if (!marked() || !path.starts_with(kRootPrefix)) return std::string(path);
  return StrCat(directory_, path.substr(kRootPrefix.size()));
}

}  // namespace hpcc
