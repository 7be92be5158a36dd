#ifndef HPCC_CLIENT_DAEMON_PLACE_H_
#define HPCC_CLIENT_DAEMON_PLACE_H_

// Where the per-user daemon and those who look for it meet: a directory of the user's own.
//
//   daemon.sock   the Unix socket
//   daemon.json   how to reach it over loopback, mode 0600, written by rename:
//                 { "version": 1, "protocol": 1, "process": 4711, "port": 40123,
//                   "token": "<64 hex digits>" }
//   daemon.lock   locked while a daemon lives
//   daemon.silent made by a wrapper that waited in vain: for a minute after it, wrappers don't ask.
//                 Removed by the daemon when it runs again
//   daemon.starting  when a wrapper last started a daemon
//
// The directory is that of config/runtime_directory.h.

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"

namespace hpcc {

struct DaemonAddress {
  int64_t process = 0;
  uint32_t protocol = 0;
  uint16_t port = 0;
  std::string token;  // bytes, not hex
};

class DaemonPlace {
 public:
  DaemonPlace(const Config& config, const Environment& environment);

  const std::string& directory() const { return directory_; }
  std::string socket() const;
  std::string address_file() const;
  std::string lock_file() const;
  std::string silent_marker() const;
  std::string start_marker() const;

 private:
  std::string directory_;
};

// As PrepareRuntimeDirectory.
absl::Status PrepareDaemonDirectory(FileSystem& fs, const DaemonPlace& place);

absl::Status WriteDaemonAddress(FileSystem& fs, const DaemonPlace& place,
                                const DaemonAddress& address);
// NotFound: there is none. InvalidArgument: the file isn't one, or others may read it.
absl::StatusOr<DaemonAddress> ReadDaemonAddress(FileSystem& fs, const DaemonPlace& place);

// Of equal size and content, in a time that depends on the sizes only.
bool TokensMatch(std::string_view a, std::string_view b);

}  // namespace hpcc

#endif  // HPCC_CLIENT_DAEMON_PLACE_H_
