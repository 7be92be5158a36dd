#ifndef HPCC_REMOTE_REMOTE_PLACE_H_
#define HPCC_REMOTE_REMOTE_PLACE_H_

// Where hpcc-remote and those who need it meet, in the directory of config/runtime_directory.h:
//
//   remote.sock      its Unix socket
//   remote.lock      locked while one lives
//   remote.starting  when somebody last started one; removed when it is ready, or, when too many
//                    have ended early, once it has lived for a while
//   remote.starts    one byte for each that became ready since one has lived for a while
//   remote.silent    made by somebody who waited in vain, removed by hpcc-remote when it goes on;
//                    while it is there nobody asks (half a minute long, where what listens there
//                    is no hpcc-remote)

#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"

namespace hpcc {

class RemotePlace {
 public:
  explicit RemotePlace(std::string directory) : directory_(std::move(directory)) {}
  RemotePlace(const Config& config, const Environment& environment);

  const std::string& directory() const { return directory_; }
  std::string socket() const;
  std::string lock_file() const;
  std::string start_marker() const;
  std::string starts_file() const;
  std::string silent_marker() const;

 private:
  std::string directory_;
};

// The path of hpcc-remote, which stands beside this program. NotFound, worded for users, when it
// isn't there.
absl::StatusOr<std::string> RemoteProgram(FileSystem& fs);

// Starts one of its own life, without waiting for it. It is given what it needs of `environment`,
// which holds no credentials: these come with each connection.
absl::Status StartRemote(FileSystem& fs, const Environment& environment, const RemotePlace& place);

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_PLACE_H_
