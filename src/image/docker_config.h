#ifndef HPCC_IMAGE_DOCKER_CONFIG_H_
#define HPCC_IMAGE_DOCKER_CONFIG_H_

// Logins to registries as `docker login`, `podman login` and others leave them in
// $DOCKER_CONFIG/config.json, else ~/.docker/config.json:
//
//   {"auths": {"ghcr.io": {"auth": base64 of user:password}},
//    "credHelpers": {"host": "name"}, "credsStore": "name"}
//
// Docker Hub is "https://index.docker.io/v1/" there. Credential helpers are programs; hpcc runs
// none.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

inline constexpr size_t kMaxDockerConfigBytes = 1 << 20;

// Secret.
struct RegistryCredentials {
  std::string user;
  std::string password;
};

// Of the registry `host` ("docker.io", "localhost:5000"); nothing when there is no file or no login
// in it. FailedPrecondition: the login is in a credential helper, or an identity token, or the file
// is malformed; the message names the file and what to do.
absl::StatusOr<std::optional<RegistryCredentials>> FindRegistryCredentials(
    FileSystem& fs, const Environment& environment, std::string_view host);

// The same of one file, wherever it lies.
absl::StatusOr<std::optional<RegistryCredentials>> ReadRegistryCredentials(FileSystem& fs,
                                                                           const std::string& path,
                                                                           std::string_view host);

}  // namespace hpcc

#endif  // HPCC_IMAGE_DOCKER_CONFIG_H_
