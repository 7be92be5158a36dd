#include "remote/remote_place.h"

#include "base/detached_process.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "config/runtime_directory.h"

namespace hpcc {

namespace {

// What decides where it meets us and what it logs. Credentials are none of it: they would stay in
// the memory of a program that serves other configurations, too.
bool IsForProgram(std::string_view name) {
  return name.starts_with("HPCC_") || name.starts_with("XDG_") || name.starts_with("LC_") ||
         name == "HOME" || name == "LANG" || name == "PATH" || name == "TMPDIR" ||
         name == "LD_LIBRARY_PATH" || name.ends_with("SAN_OPTIONS");
}

}  // namespace

RemotePlace::RemotePlace(const Config& config, const Environment& environment)
    : directory_(RuntimeDirectory(config, environment)) {}

std::string RemotePlace::socket() const {
  return path::Join(directory_, "remote.sock");
}
std::string RemotePlace::lock_file() const {
  return path::Join(directory_, "remote.lock");
}
std::string RemotePlace::start_marker() const {
  return path::Join(directory_, "remote.starting");
}
std::string RemotePlace::starts_file() const {
  return path::Join(directory_, "remote.starts");
}
std::string RemotePlace::silent_marker() const {
  return path::Join(directory_, "remote.silent");
}

absl::StatusOr<std::string> RemoteProgram(FileSystem& fs) {
  HPCC_ASSIGN_OR_RETURN(const std::string own, fs.ReadLink("/proc/self/exe"));
  std::string program = path::Join(path::Dirname(own), "hpcc-remote");
  if (FileExists(fs, program)) return program;
  return absl::NotFoundError(
      StrCat(program, " is missing: hpcc and hpcc-remote are installed side by side"));
}

absl::Status StartRemote(FileSystem& fs, const Environment& environment, const RemotePlace& place) {
  HPCC_ASSIGN_OR_RETURN(const std::string program, RemoteProgram(fs));
  Environment own;
  for (const auto& [name, value] : environment.variables()) {
    if (IsForProgram(name)) own.Set(name, value);
  }
  // Where it is looked for, whatever its own configuration would say.
  own.Set("HPCC_RUNTIME_DIR", place.directory());
  return StartDetached({program}, own, Descriptor());
}

}  // namespace hpcc
