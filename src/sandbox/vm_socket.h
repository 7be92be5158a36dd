#ifndef HPCC_SANDBOX_VM_SOCKET_H_
#define HPCC_SANDBOX_VM_SOCKET_H_

// Unix sockets by their place in a directory, however long its path is, as descriptors that can be
// handed on.

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// Made with mode 0600; AlreadyExists: something has that name.
absl::StatusOr<Descriptor> ListenOnUnixSocket(const std::string& directory,
                                              const std::string& name);
// NotFound: no such socket. Unavailable: nobody listens. ResourceExhausted: somebody does, and has
// no room for a connection before it accepts those that wait. Never waits.
absl::StatusOr<Descriptor> ConnectToUnixSocket(const std::string& directory,
                                               const std::string& name);

struct SocketPair {
  Descriptor ours;
  Descriptor theirs;
};
absl::StatusOr<SocketPair> MakeStreamPair();

}  // namespace hpcc

#endif  // HPCC_SANDBOX_VM_SOCKET_H_
