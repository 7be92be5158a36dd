#include "config/runtime_directory.h"

#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"

namespace hpcc {

std::string RuntimeDirectory(const Config& config, const Environment& environment) {
  if (std::string own = environment.GetOrEmpty("HPCC_RUNTIME_DIR"); path::IsAbsolute(own)) {
    return own;
  }
  if (const std::string xdg = environment.GetOrEmpty("XDG_RUNTIME_DIR"); path::IsAbsolute(xdg)) {
    return path::Join(xdg, "hpcc");
  }
  return path::Join(config.local_directory, "daemon");
}

absl::Status PrepareRuntimeDirectory(FileSystem& fs, const std::string& directory) {
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, std::string(path::Dirname(directory))));
  HPCC_RETURN_IF_ERROR(fs.MakeDirectory(directory, 0700));
  return CheckPrivateDirectory(directory);
}

}  // namespace hpcc
