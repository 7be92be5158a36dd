#ifndef HPCC_IMAGE_REGISTRY_CLIENT_H_
#define HPCC_IMAGE_REGISTRY_CLIENT_H_

// One repository of a registry, read by the OCI distribution specification 1.0 ("Pull") and
// Docker's token authentication (https://distribution.github.io/distribution/spec/auth/token/).
//
// HTTPS with a verified certificate; plain HTTP only to loopback addresses, where nobody is in
// between, and not when a ca_file is given. Credentials go to the registry itself, once it asks for
// them, and to the token service it names, which must be https (or on loopback, as the registry).
// Redirects are followed, a few, never from https to http. Where one leads to the registry's own
// scheme, host and port, credentials and token go along; anything else sees neither, and once a
// request has left the registry, nor does the registry.

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "image/docker_config.h"
#include "image/image_source.h"
#include "image/reference.h"
#include "store/network_settings.h"

namespace hpcc {

struct RegistryOptions {
  std::string ca_file;  // PEM, instead of the system's authorities; empty: the system's
  NetworkSettings network;
  std::optional<RegistryCredentials> credentials;
};

// `reference` is of a registry. `clock` outlives the source. Never waits longer than a minute for
// a document, or an hour for a blob; a blob of which 30 seconds long next to nothing came is given
// up.
//
// Errors of its calls: Unauthenticated: the registry wants a login, or refuses the one there is.
// PermissionDenied: this user may not read the repository. NotFound: no such image or blob.
// DataLoss: an answer was cut short. FailedPrecondition: the registry doesn't behave as specified.
// Else as of HttpTransfer. Messages name the registry and hold nothing secret.
std::unique_ptr<ImageSource> MakeRegistrySource(const ImageReference& reference,
                                                RegistryOptions options, Clock& clock);

}  // namespace hpcc

#endif  // HPCC_IMAGE_REGISTRY_CLIENT_H_
