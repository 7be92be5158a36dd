#include "sandbox/vm_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

struct Place {
  Descriptor directory;  // open as long as the address is used
  sockaddr_un address{};
};

// Below /proc/self/fd every directory has a short name.
absl::StatusOr<Place> PlaceOf(const std::string& directory, const std::string& name) {
  Place place{.directory = Descriptor(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))};
  if (!place.directory.valid()) return ErrnoStatus(errno, "open", directory);
  const std::string path = StrCat("/proc/self/fd/", place.directory.get(), "/", name);
  if (path.size() >= sizeof(place.address.sun_path)) {
    return absl::InvalidArgumentError(StrCat("socket: too long a name: ", name));
  }
  place.address.sun_family = AF_UNIX;
  std::memcpy(place.address.sun_path, path.c_str(), path.size() + 1);
  return place;
}

const sockaddr* AddressOf(const Place& place) {
  return reinterpret_cast<const sockaddr*>(&place.address);
}

}  // namespace

absl::StatusOr<Descriptor> ListenOnUnixSocket(const std::string& directory,
                                              const std::string& name) {
  HPCC_ASSIGN_OR_RETURN(const Place place, PlaceOf(directory, name));
  Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return ErrnoStatus(errno, "create", "a socket");
  // On Linux a socket's file gets the mode of the socket itself.
  if (fchmod(listener.get(), 0600) != 0 ||
      bind(listener.get(), AddressOf(place), sizeof(place.address)) != 0) {
    if (errno == EADDRINUSE) return absl::AlreadyExistsError(StrCat("socket: ", name, " is there"));
    return ErrnoStatus(errno, "bind", StrCat(directory, "/", name));
  }
  if (listen(listener.get(), SOMAXCONN) != 0) return ErrnoStatus(errno, "listen on", name);
  return listener;
}

absl::StatusOr<Descriptor> ConnectToUnixSocket(const std::string& directory,
                                               const std::string& name) {
  HPCC_ASSIGN_OR_RETURN(const Place place, PlaceOf(directory, name));
  Descriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connection.valid()) return ErrnoStatus(errno, "create", "a socket");
  if (connect(connection.get(), AddressOf(place), sizeof(place.address)) != 0) {
    if (errno == EAGAIN) {
      return absl::ResourceExhaustedError(StrCat("socket: too many wait for ", name));
    }
    if (errno == ECONNREFUSED) {
      return absl::UnavailableError(StrCat("socket: nobody listens on ", name));
    }
    return ErrnoStatus(errno, "connect to", StrCat(directory, "/", name));
  }
  return connection;
}

absl::StatusOr<SocketPair> MakeStreamPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "create", "a socket pair");
  }
  return SocketPair{Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace hpcc
