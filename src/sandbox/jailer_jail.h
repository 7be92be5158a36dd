#ifndef HPCC_SANDBOX_JAILER_JAIL_H_
#define HPCC_SANDBOX_JAILER_JAIL_H_

// The directory a jailed VMM lives in: made before the jailer runs, removed after the VMM's end.
//
//   <base>/<firecracker's file name>/<id>/hpcc-jail    the marker; its worker holds it locked
//   <base>/<firecracker's file name>/<id>/root         what the VMM sees as /, and owns
//
//   marker = "hpcc-jail 1\n" "user " number "\n"
//
// The lock ends with the worker, however that ends: a jail with a marker that nobody holds is what
// a crashed worker left behind, and anything without a marker is none of ours.
//
// The VMM may have been taken over by its guest and can put into `root` what it likes. Nothing
// there is followed or read by whoever is outside: sockets are found by name, must be sockets, and
// must have been made by the jail's user.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "base/socket.h"
#include "sandbox/jailer_command.h"

namespace hpcc {

// A socket of a jail, held by its inode: whatever happens to its name, this is still it. Its own
// name is short, however long the jail's path is (sockaddr_un has room for 108 bytes).
class JailSocket {
 public:
  JailSocket() = default;
  explicit JailSocket(Descriptor inode) : inode_(std::move(inode)) {}

  std::string path() const;
  // As Connection::ToUnixSocket. PermissionDenied: another user than `user` listens.
  absl::StatusOr<Connection> Connect(uint32_t user) const;

 private:
  Descriptor inode_;
};

// Not thread-safe.
class Jail {
 public:
  // An empty jail with an id nobody else has, for the user (and group) `user`.
  static absl::StatusOr<std::unique_ptr<Jail>> Make(const JailerSettings& settings, uint32_t user);
  ~Jail();  // removes it: its processes are killed, its mounts undone

  const std::string& id() const { return id_; }
  uint32_t user() const { return user_; }
  std::string root() const;

  // Makes the file `source` appear in the jail as `name`, for reading: as another link to it, or
  // where that can't be (another file system), as a mount. FailedPrecondition: the jail's user
  // couldn't read it, or could write to it.
  absl::Status Provide(const std::string& source, std::string_view name);
  // Moves the file `name` of another jail here.
  absl::Status Adopt(Jail& other, std::string_view name);
  // The same, in a jail of this process's own user, in which nothing runs: the file becomes this
  // user's, and read-only for everybody. Nothing runs in `other` any more. FailedPrecondition: it
  // isn't one plain file of the other's making.
  absl::Status Seal(Jail& other, std::string_view name);

  // NotFound: there is no such file (yet). FailedPrecondition: it is no socket.
  absl::StatusOr<JailSocket> Socket(std::string_view name) const;

  // Kills whatever runs in it and waits for its end, for a few seconds at most.
  absl::Status KillAll() const;

 private:
  friend absl::StatusOr<size_t> RemoveLeftJails(const JailerSettings& settings);
  Jail() = default;

  // A jail that is there already. NotFound: it isn't one of ours, or its worker lives.
  static absl::StatusOr<std::unique_ptr<Jail>> Seize(const JailerSettings& settings,
                                                     const std::string& id);
  absl::Status MakeMarker();
  absl::Status OpenRoot();
  std::vector<pid_t> Processes() const;
  absl::Status Remove();

  std::string directory_;
  std::string id_;
  uint32_t user_ = 0;
  std::string pid_file_;  // in root: where the jailer says which process is the VMM
  Descriptor marker_;     // locked
  Descriptor root_;
};

// Removes the jails below `settings.base` that crashed workers left, with their processes, mounts
// and cgroups. The value is how many there were. Jails of living workers, and directories that no
// worker of hpcc made, are left alone. Errors name the first jail that couldn't be removed.
absl::StatusOr<size_t> RemoveLeftJails(const JailerSettings& settings);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_JAILER_JAIL_H_
