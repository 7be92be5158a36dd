#ifndef HPCC_STORE_HTTP_OBJECT_STORE_H_
#define HPCC_STORE_HTTP_OBJECT_STORE_H_

// Objects on a plain HTTP server, by GET, PUT, HEAD and DELETE, as ccache's HTTP storage speaks it:
// nginx and others with WebDAV, an artifact repository. An object's address is the URL, a slash,
// and its name; servers that take only Bazel's names (bazel-remote) can't be used.
// https://ccache.dev/manual/4.8.html#_http_storage_backend
//
// 200 is a hit, 404 and 410 a miss; 200, 201, 202 and 204 answer a PUT or DELETE. Some servers
// know neither HEAD nor DELETE (405, 501): Exists() then reads the object, Remove() is
// Unimplemented. List() and Refresh() always are. A redirect is never followed.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/network_settings.h"
#include "store/object_store.h"

namespace hpcc {

struct HttpOptions {
  // "https://host[:port][/path]" or "http://…"; no query, no user. A slash at the end adds nothing.
  std::string url;
  // Basic authentication when `user` is set, else bearer when the token is; not both.
  std::string user;
  std::string password;
  std::string bearer_token;
  std::string ca_file;  // PEM of private authorities; empty: the system's
  NetworkSettings network;
  ObjectLimits limits;
};

// Connects to nothing. InvalidArgument names the option that can't be right. Secrets are refused
// over http:// unless the host is this machine: FailedPrecondition. `clock` outlives the store.
absl::StatusOr<std::unique_ptr<ObjectStore>> MakeHttpObjectStore(const HttpOptions& options,
                                                                 Clock& clock);

}  // namespace hpcc

#endif  // HPCC_STORE_HTTP_OBJECT_STORE_H_
