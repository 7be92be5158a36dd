#ifndef HPCC_BASE_HOME_DIRECTORY_H_
#define HPCC_BASE_HOME_DIRECTORY_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

// Where the user's own files live: $HOME when it is an absolute path, else what /etc/passwd says of
// this process's user. The file is read directly, not through getpwuid(): that loads the name
// service's shared libraries, which a static program can't rely on. NotFound when neither knows.
absl::StatusOr<std::string> HomeDirectory(FileSystem& fs, const Environment& environment);

// The home directory of `uid` in the text of a passwd(5) file, or "" when it has none.
std::string HomeInPasswd(std::string_view passwd, uint32_t uid);

}  // namespace hpcc

#endif  // HPCC_BASE_HOME_DIRECTORY_H_
